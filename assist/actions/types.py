"""Add types: what counts as nothing but types, and the judgement of the project's own type checker."""

from __future__ import annotations

import ast
import sys

from assist.actions.judges import Bench, judge_edit
from inference.errors import BadOutput
from sandbox.receipt import Grade, Receipt, Step
from sandbox.store import new_receipt
from sandbox.typecheck import TypeCheck, check_types, named
from sandbox.verdict import Judgement
from workspace.edit import Edit

_TYPING = frozenset({"__future__", "collections", "collections.abc", "types", "typing", "typing_extensions"})


def only_types(edit: Edit) -> None:
    """:raises BadOutput: the edit changes more than annotations and the imports that they need."""
    for change in edit.changes:
        try:
            before, after = ast.parse(change.before or b""), ast.parse(change.after or b"")
        except (SyntaxError, ValueError, RecursionError) as error:
            raise BadOutput(f"{change.path} would not be Python that can be read.") from error
        missing = _imported(before) - _imported(after)
        fresh = {bound for _, bound in _imported(after) - _imported(before)}
        old, new = _Untyped().visit(before), _Untyped().visit(after)
        if missing or ast.dump(old) != ast.dump(new):
            raise BadOutput("It changes more than types; only annotations and what they import may differ.")
        if hidden := sorted(fresh & _named_in(old)):
            raise BadOutput(f"It imports {hidden[0]}, a name that the code uses for something else.")


async def judge_types(edit: Edit, bench: Bench, *, model: str, context: tuple[str, ...]) -> Receipt:
    """`verified`: the tests do no worse, and the type checker finds no more errors than before.

    Since `only_types` holds, what runs is the same code; that the annotations are true is what the checker says.
    """
    receipt = await judge_edit(edit, bench, model=model, context=context)
    if bench.project is None or bench.runner is None or receipt.grade not in (Grade.VERIFIED, Grade.CHECKED):
        return receipt
    bench.progress("checking types")
    found = await check_types(edit, bench.project, bench.runner, seconds=bench.seconds)
    grade, reason = _graded(found)
    step = Step(
        name="lint",
        status="skipped" if found.problem else "failed" if found.worse else "ok",
        seconds=round(found.seconds, 2),
        command=found.checker,
        detail=found.problem or f"{found.before} errors before, {found.after} with the edit",
    )
    finish = new_receipt(edit, receipt.isolation, model, context, receipt.notes)
    judgement = Judgement(
        grade=grade,
        reason=reason,
        claim=receipt.claim if grade is not Grade.FAILED else "nothing",
        tests=receipt.tests,
        touched_by=receipt.touched_by,
    )
    return finish([*receipt.steps, step], judgement, receipt.log)


def _graded(found: TypeCheck) -> tuple[Grade, str]:
    if found.problem:
        return Grade.CHECKED, f"only types changed, and no type checker looked at them: {found.problem}"
    if found.worse:
        return Grade.FAILED, f"{found.checker} finds more than before: {named(found.worse)}"
    fewer = f" ({found.before - found.after} fewer)" if found.after < found.before else ""
    return Grade.VERIFIED, f"only types changed, and {found.checker} finds no more errors than before{fewer}"


class _Untyped(ast.NodeTransformer):
    """Code without its types: what is left is what runs."""

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation, node.type_comment = None, None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns, node.type_comment = None, None
        return self.generic_visit(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        node.returns, node.type_comment = None, None
        return self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        if node.decorator_list or node.bases:
            # Of a data class, a typed dictionary or a model, what is annotated is a field.
            for each in node.body:
                if isinstance(each, ast.AnnAssign):
                    each.annotation = ast.Constant(value=None)
            fields = [each for each in node.body if isinstance(each, ast.AnnAssign)]
            node.body = [each for each in node.body if not isinstance(each, ast.AnnAssign)]
            self.generic_visit(node)
            node.body = [*fields, *node.body]
            return node
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        if node.value is None:
            return None
        plain = ast.Assign(targets=[node.target], value=node.value)
        return self.generic_visit(ast.copy_location(plain, node))

    def visit_Import(self, node: ast.Import) -> ast.AST | None:
        return None if all(_is_harmless(each.name) for each in node.names) else node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        return None if node.level == 0 and _is_harmless(node.module or "") else node

    def visit_If(self, node: ast.If) -> ast.AST | None:
        name = node.test.attr if isinstance(node.test, ast.Attribute) else getattr(node.test, "id", "")
        imports = all(isinstance(each, ast.Import | ast.ImportFrom | ast.Pass) for each in node.body)
        return None if name == "TYPE_CHECKING" and imports and not node.orelse else self.generic_visit(node)


def _imported(tree: ast.Module) -> set[tuple[str, str]]:
    """What is imported wherever, with the name it is bound to."""
    found: set[tuple[str, str]] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {(name.name, name.asname or name.name.partition(".")[0]) for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {(f"{node.level}{node.module}.{name.name}", name.asname or name.name) for name in node.names}
    return found


def _named_in(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _is_harmless(module: str) -> bool:
    """Whether importing it can change nothing: for typing, or of the standard library."""
    return module in _TYPING or module.partition(".")[0] in sys.stdlib_module_names - {"this", "antigravity"}
