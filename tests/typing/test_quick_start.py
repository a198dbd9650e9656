"""What a type checker was told of README's quick start is README's quick start."""

import ast
import inspect
import re
from pathlib import Path

from tests.typing.quick_start import quick_start

README = Path(__file__).parents[2] / "README.md"


def statements(body: list[ast.stmt]) -> list[str]:
    """Return statements but imports and checks of types, blocks among them included."""
    return [ast.unparse(found) for each in body if (found := Kept().visit(each)) is not None]


class Kept(ast.NodeTransformer):
    def visit_Import(self, node: ast.Import) -> None:
        return None

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        return None if ast.unparse(node).startswith("assert_type(") else node


def test_the_quick_start_is_checked_whole() -> None:
    (shown,) = re.findall(
        r"^## Quick start\n\n```python\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL
    )
    (checked,) = ast.parse(inspect.getsource(quick_start)).body
    assert isinstance(checked, ast.FunctionDef)
    assert statements(checked.body) == statements(ast.parse(shown).body)
