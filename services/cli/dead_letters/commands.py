"""`tallygate dlq`: what could not be handled, why, and again from where it came. Reads Kafka itself."""

import asyncio
from typing import Annotated, Any

import typer
from rich.prompt import Confirm

from services.cli.connection import JsonOption
from services.cli.dead_letters.views import in_full, listed, replayed, replayed_text, shown
from services.cli.local_run import broker, ingress_topics
from services.cli.output import emit, err, on_terminal, out, print_json, say
from services.cli.problem import refused, reports_problems
from shared.events.topics import Topic
from shared.kafka.dead_letters.box import DeadLetterBox, open_dead_letters
from shared.kafka.dead_letters.letter import DeadLetter, DeadLetterId, dead_letter_sources, in_short

app = typer.Typer(no_args_is_help=True, help="Dead letters: messages that could not be handled.")

_WHICH = (
    "Some: tallygate dlq replay ID ID ...",
    "Those of a topic: tallygate dlq replay --topic inference.requests.v1 --all",
)

TopicOption = Annotated[str | None, typer.Option(help="For example inference.requests.v1.")]


@app.command("list")
@reports_problems
def list_letters(
    topic: TopicOption = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Of each topic, at most so many: the newest.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List the dead letters of every topic, newest first; never their content."""
    emit(asyncio.run(_listed(dead_letter_sources(topic, ingress_topics()), limit)), as_json, listed)


@app.command()
@reports_problems
def show(
    letter_id: Annotated[str, typer.Argument(metavar="ID", help="As `dlq list` shows it.")],
    body: Annotated[bool, typer.Option("--body", help="Show the message itself too; it may hold content.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show one dead letter: its headers, why it could not be handled, where it came from."""
    letter = asyncio.run(_letter(DeadLetterId.parse(letter_id, ingress_topics())))
    if body:
        say("The body may hold a caller's content: do not pass it on.", "yellow")
    emit(in_full(letter, with_body=body), as_json, shown)


@app.command()
@reports_problems
def replay(
    letter_ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="As `dlq list` shows them.")] = None,
    topic: TopicOption = None,
    everything: Annotated[
        bool, typer.Option("--all", help="With --topic: all that have come since the last `replay --all`.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Publish dead letters again where they came from, as they were. They stay on the dead-letter topic too."""
    ingress = ingress_topics()
    wanted = [DeadLetterId.parse(letter_id, ingress) for letter_id in dict.fromkeys(letter_ids or ())]
    if bool(wanted) == everything or everything == (topic is None):
        raise refused("say which dead letters: ids, or --topic T --all", *_WHICH)
    if not yes and (as_json or not on_terminal()):
        raise refused("nothing was replayed: add --yes to replay without being asked")
    source = dead_letter_sources(topic, ingress)[0] if topic else None
    done = asyncio.run(_replay(wanted, source, ask=not yes, as_json=as_json))
    if as_json:
        print_json({"replayed": done})


async def _listed(sources: list[Topic], limit: int) -> dict[str, Any]:
    async with open_dead_letters(broker()) as box:
        return {"topics": [await _of_topic(box, source, limit) for source in sources]}


async def _of_topic(box: DeadLetterBox, source: Topic, limit: int) -> dict[str, Any]:
    entries = [in_short(letter) for letter in await box.newest(source, limit)]
    return {"topic": source.name, "dlq": source.dlq, "count": await box.count(source), "entries": entries}


async def _letter(wanted: DeadLetterId) -> DeadLetter:
    async with open_dead_letters(broker()) as box:
        return await box.letter(wanted)


async def _replay(
    wanted: list[DeadLetterId], source: Topic | None, *, ask: bool, as_json: bool
) -> list[dict[str, Any]]:
    done = []
    async with open_dead_letters(broker()) as box:
        letters = [await box.letter(letter_id) for letter_id in wanted]
        count = await box.count_new(source) if source else len(letters)
        if ask and count and not Confirm.ask(f"Publish {count} again?", console=err(), default=False):
            raise typer.Exit(1)
        async for letter, placed in box.replay_new(source) if source else box.replay(letters):
            placed_letter = replayed(letter, placed)
            done.append(placed_letter)
            # Each at once: should the next one fail, it is known what was done.
            (err() if as_json else out()).print(replayed_text(placed_letter))
    if not done:
        say("There is nothing to replay.")
    return done
