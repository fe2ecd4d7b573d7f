"""The judge of refusals can itself refuse."""

import pytest

from tests.support.refusals import require_one_clear_line


@pytest.mark.parametrize(
    "message",
    ["Data needs a\nfile. Write it.", "Bad file. Write it.", "Data needs a file, but got none."],
)
def test_the_judge_of_messages_refuses(message: str) -> None:
    """The judge rejects two lines, no need, and no remedy."""
    with pytest.raises(AssertionError):
        require_one_clear_line(message)
