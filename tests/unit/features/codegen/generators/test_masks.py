"""Lines whose secret was taken out come back as they were."""

from services.features.codegen.answers import Answer, AnswerFile
from services.features.codegen.generators.masks import masked, unmasked
from services.features.codegen.patches import Edit
from services.features.codegen.reading.secrets import MARK, remove_secrets
from services.features.codegen.values import Draft, ProducedFile, Repository

KEY = "sk-proj-aB3dEf6hIj9lMn2pQr5tUv8x"
BEFORE = f'A = 1\nKEY = "{KEY}"\nB = 2\n'
REPOSITORY = Repository({"app/config.py": BEFORE})
SHOWN = remove_secrets("app/config.py", BEFORE).text
LINE = SHOWN.split("\n")[1]


def only(file: AnswerFile) -> AnswerFile:
    return unmasked(Answer((file,)), REPOSITORY).files[0]


def test_the_line_is_masked_at_first() -> None:
    assert KEY not in SHOWN
    assert MARK in LINE


def test_a_whole_file() -> None:
    told = AnswerFile("./app/config.py", content=SHOWN.replace("B = 2", "B = 3"))
    assert only(told).content == BEFORE.replace("B = 2", "B = 3")


def test_edits_and_patches() -> None:
    told = AnswerFile(
        "app/config.py", edits=(Edit(f"{LINE}\nB = 2\n", f"{LINE}\nB = 3\n"),), patch=f"@@\n {LINE}\n-B = 2\n"
    )
    line = f'KEY = "{KEY}"'
    assert only(told).edits == (Edit(f"{line}\nB = 2\n", f"{line}\nB = 3\n"),)
    assert only(told).patch == f"@@\n {line}\n-B = 2\n"


def test_a_name_that_is_composed_otherwise() -> None:
    repository = Repository({"e\u0301/config.py": BEFORE})
    told = AnswerFile("\u00e9/config.py", edits=(Edit(f"{LINE}\n", "B = 3\n", "======="),))
    edits = unmasked(Answer((told,)), repository).files[0].edits
    assert edits == (Edit(f'KEY = "{KEY}"\n', "B = 3\n", "======="),)


def test_no_other_file_gets_it() -> None:
    for path in ("app/other.py", "../app/config.py"):
        told = AnswerFile(path, content=SHOWN)
        assert only(told) == told


def test_what_is_masked_still_is_told() -> None:
    file = ProducedFile("app/other.py", "python", SHOWN)
    assert [finding.path for finding in masked(Draft((file,)))] == ["app/other.py"]
    assert masked(Draft((ProducedFile("app/config.py", "python", BEFORE, BEFORE),))) == ()
