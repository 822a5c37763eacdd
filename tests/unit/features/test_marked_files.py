from services.features.codegen.reading.collect import collect
from services.features.codegen.reading.found import Found
from services.features.codegen.source import ReadLimits
from services.features.codegen.values import ProducedFile
from services.features.job import with_mark


def test_a_file_keeps_the_byte_order_mark_that_no_text_of_it_has() -> None:
    repository = collect(Found({"a.cs": "\ufeffclass A {}\n".encode(), "b.cs": b"class B {}\n"}), ReadLimits(), "test")
    assert repository.files["a.cs"] == "class A {}\n"
    assert repository.marked == {"a.cs"}
    edited = with_mark(ProducedFile("a.cs", "csharp", "class C {}\n", repository.files["a.cs"]))
    assert (edited.content, edited.before) == ("\ufeffclass C {}\n", "\ufeffclass A {}\n")
