"""Check the lines that a change adds for words that are hard to read, or that mislead.

`python scripts/words.py` checks what differs from the last commit, `--cached` what is
staged, and any other argument is what `git diff` compares with, such as `main`. Lines that
the change does not add are not checked. In Python only comments and strings are, in
Markdown everything but code in backticks.
"""

import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

LIST = {
    r"whoever|whomever": "name the reader: you, the caller, another writer",
    r"nobody can tell|who may": "say what is unknown, or who is allowed",
    r"lies(?! about\b)|stands(?! for\b)": "write 'is' or 'is stored'",
    r"tell whether": "write 'Return whether'",
    r"beside": "write 'next to', 'besides', 'compared with' or 'while'",
    r"anew": "write 'again' or 'from scratch'",
    r"so many(?! that\b)": "write 'this many', or the number",
    r"people": "write 'users', or name them",
    r"(?<!in )that way": "say in which way",
}
_WORDS = [(re.compile(rf"\b(?:{words})\b", re.IGNORECASE), hint) for words, hint in LIST.items()]
_HUNK = re.compile(r"@@ -\S+ \+(\d+)(?:,(\d+))? @@")
_CODE = re.compile(r"`[^`\n]*`")
_TEXT = {
    getattr(tokenize, name)
    for name in ("COMMENT", "STRING", "FSTRING_MIDDLE")
    if hasattr(tokenize, name)
}


def git(*arguments: str) -> str:
    """Return what a command of Git prints."""
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr.strip())
    return done.stdout


def added(compared: list[str]) -> dict[str, set[int]]:
    """Return the numbers of the lines that a change adds, by file."""
    diff = git(
        *("-c", "core.quotePath=false", "diff", "--relative", "--unified=0", "--no-color"),
        *("--no-ext-diff", "--diff-filter=d", "--dst-prefix=b/", *compared, "--", "*.py", "*.md"),
    )
    found: dict[str, set[int]] = {}
    name = ""
    for line in diff.splitlines():
        if line.startswith("+++ b/"):
            name = line.removeprefix("+++ b/")
        elif match := _HUNK.match(line):
            first, count = int(match[1]), int(match[2] or 1)
            found.setdefault(name, set()).update(range(first, first + count))
    return found


def prose(name: str, text: str) -> Iterator[tuple[int, str]]:
    """Yield the prose of a file: numbers of lines, each with text of that line."""
    if not name.endswith(".py"):
        yield from enumerate(text.splitlines(), 1)
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in _TEXT:
            yield from enumerate(token.string.splitlines(), token.start[0])


def faults(name: str, text: str, lines: set[int]) -> Iterator[str]:
    """Yield a message for each word of the list in some lines of a file."""
    for number, line in prose(name, text):
        if number in lines:
            plain = _CODE.sub("", line)
            for pattern, hint in _WORDS:
                for match in pattern.finditer(plain):
                    yield f"{name}:{number}: {match[0]!r}: {hint}"


def main(compared: list[str]) -> int:
    """Print the faults in what a change adds; return 1 if there are any."""
    is_staged = "--cached" in compared
    found = []
    for name, lines in added(compared or ["HEAD"]).items():
        if not name.endswith(("scripts/words.py", "test_words.py")):
            text = git("show", f":./{name}") if is_staged else Path(name).read_text("utf-8")
            found += faults(name, text, lines)
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
