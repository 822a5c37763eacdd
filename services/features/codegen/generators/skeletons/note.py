"""Pure: a design note, for a repository in a language that there is no skeleton for."""

from services.features.codegen.generators.skeletons.names import Name
from services.features.codegen.generators.skeletons.places import join
from services.features.codegen.generators.skeletons.values import Skeleton, SkeletonFile, Surroundings
from services.features.codegen.generators.skeletons.wording import HONEST, comment_lines


def note(name: Name, wish: str, around: Surroundings) -> Skeleton:
    folder = next((docs for docs in ("docs", "doc") if any(path.startswith(f"{docs}/") for path in around.files)), "")
    path = join(folder, f"{name.kebab}.md")
    file = SkeletonFile(path, "markdown", _text(name, wish))
    return Skeleton(name, (file,), (f"Answer the questions in {path}, then build the feature.",))


def _text(name: Name, wish: str) -> str:
    quoted = "\n".join(f"> {line}" for line in comment_lines(wish)[:-2])
    questions = (
        "- Who uses it, and where in the code does it begin?",
        "- Which files change, and which are new?",
        "- How is it tested?",
    )
    title = " ".join(name.words).capitalize()
    return "\n".join([f"# {title}", "", HONEST, "", "## Wish", "", quoted, "", "## Open questions", "", *questions, ""])
