"""What the columns of an expression mean, in the scope where they stand, and what a star opens.

Here is gathered which columns of which table are used, which are closed to the person, and which node of the tree
is certainly one column of one table.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from swap.catalog.model import TableName, VisibleDataset
from swap.errors import Problem, UnknownName
from swap.query.language.parse import offset_of
from swap.query.language.text import cut, place
from swap.query.model import Closed, Meaning, Place
from swap.query.planning import refusals
from swap.query.planning.scope import Relation, Scope


class Columns:
    """The columns of one statement."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.closed: list[Closed] = []
        self.meanings: dict[int, Meaning] = {}
        self.starred: dict[TableName, VisibleDataset] = {}
        """Tables of which a star left columns out."""

    def at(self, node: exp.Expr) -> Place | None:
        """Return where a node stands in the statement."""
        return place(self._text, offset_of(node))

    def find(self, node: exp.Column, scope: Scope, *, aliases_first: bool) -> None:
        """Give a column its meaning, or tell that it is closed.  Raises UnknownName, QueryRefused."""
        parts = node.parts
        written = [part.name for part in parts]
        if len(parts) == 1 and aliases_first and written[0].casefold() in scope.aliases:
            return
        for around in scope.chain():
            if self._qualified(node, parts, written, around) or self._plain(node, written, around):
                if around is not scope:
                    self.meanings.pop(id(node), None)
                return
        relations = self._meant(written, scope)
        missing = written[0] if len(parts) == 1 or len(relations) != 1 else written[-1]
        if len(parts) > 1 and len(relations) != 1:
            raise self._unknown_prefix(node, written, scope)
        raise refusals.unknown_column(missing, relations, self.at(parts[-1]), quoted=bool(parts[-1].args.get("quoted")))

    def _qualified(self, node: exp.Column, parts: Sequence[exp.Expr], written: list[str], scope: Scope) -> bool:
        """Resolve `alias.column…` or `[source.]schema.table.column…`."""
        for length in range(min(3, len(parts) - 1), 0, -1):
            for relation in scope.relations:
                if length == 1 and relation.alias != written[0].casefold():
                    continue
                if length > 1 and not relation.qualifies(written[:length]):
                    continue
                key = written[length].casefold()
                if key in relation.locked and key not in relation.columns:
                    self.lock(relation, key, self.at(parts[length]))
                    return True
                if key in relation.columns or relation.open:
                    self.use(relation, key)
                    if len(parts) == length + 1:
                        self._mean(node, relation, key)
                    if length > 1:
                        _set_parts(node, list(parts[length - 1 :]))
                    return True
        return False

    def _plain(self, node: exp.Column, written: list[str], scope: Scope) -> bool:
        """Resolve a column without its table, a field of a struct column, an alias, or a whole row."""
        key = written[0].casefold()
        holding = [relation for relation in scope.relations if key in relation.columns]
        for relation in holding:
            self.use(relation, key)
        if len(holding) == 1 and len(written) == 1:
            self._mean(node, holding[0], key)
        if holding:
            return True
        for relation in scope.relations:
            if key in relation.locked:
                self.lock(relation, key, self.at(node.parts[0]))
                return True
        if key in scope.aliases:
            return True
        if len(written) == 1:
            for relation in scope.relations:
                if relation.alias == key:
                    self._everything(relation)
                    return True
        return any(relation.open for relation in scope.relations)

    def _meant(self, written: list[str], scope: Scope) -> list[Relation]:
        if len(written) > 1:
            for around in scope.chain():
                for length in range(len(written) - 1, 0, -1):
                    found = [
                        relation
                        for relation in around.relations
                        if (
                            relation.alias == written[0].casefold()
                            if length == 1
                            else relation.qualifies(written[:length])
                        )
                    ]
                    if found:
                        return found
        return [relation for around in scope.chain() for relation in around.relations]

    def _unknown_prefix(self, node: exp.Column, written: list[str], scope: Scope) -> UnknownName:
        relations = [relation for around in scope.chain() for relation in around.relations]
        known = ", ".join(sorted({relation.alias for relation in relations if relation.alias}))
        error = refusals.unknown_column(written[0], relations, self.at(node.parts[0]))
        why = f"Nothing was run. It is neither a column nor a table in this FROM{f' ({known})' if known else ''}."
        return UnknownName(
            Problem(
                f"{cut('.'.join(written))} is not known here.",
                why=why,
                todo="Check the alias in front of the dot.",
                suggestions=error.problem.suggestions,
                line=error.problem.line,
                column=error.problem.column,
            )
        )

    # ── Stars and whole rows ────────────────────────────────────────────────────────────────────
    def of_star(self, node: exp.Column, scope: Scope) -> Relation | None:
        """Return the relation that stands before `.*`; None where that is a struct, which opens to its fields."""
        written = [part.name for part in node.parts[:-1]]
        for around in scope.chain():
            for relation in around.relations:
                if len(written) == 1 and relation.alias == written[0].casefold():
                    return relation
                if len(written) > 1 and relation.qualifies(written):
                    _set_parts(node, list(node.parts[-2:]))
                    return relation
        column = exp.Column(this=node.parts[0].copy())
        is_plain = len(written) == 1 and not any(node.this.args.values())
        if is_plain and any(self._plain(column, written, around) for around in scope.chain()):
            return None
        raise self._unknown_prefix(node, written, scope)

    def star(self, star: exp.Star, relations: Sequence[Relation]) -> list[str]:
        """Open a star over relations: everything that may be read, minus EXCLUDE; return the names it gives."""
        if not relations:
            raise refusals.refused("SELECT * needs a FROM.", self.at(star))
        for relation in relations:
            self._everything(relation)
        self._exclude(star, relations)
        excluded = {item.name.casefold() for item in star.args.get("except_") or []}
        renamed = {
            item.this.name.casefold(): item.alias
            for item in star.args.get("rename") or []
            if isinstance(item, exp.Alias)
        }
        return [
            renamed.get(key, name)
            for relation in relations
            for key, name in relation.columns.items()
            if key not in excluded
        ]

    def _exclude(self, star: exp.Star, relations: Sequence[Relation]) -> None:
        kept = []
        for item in star.args.get("except_") or []:
            key = item.name.casefold()
            if any(key in relation.columns or relation.open for relation in relations):
                kept.append(item)
            elif not any(key in relation.locked for relation in relations):
                raise refusals.unknown_column(item.name, relations, self.at(item))
        if star.args.get("except_"):
            star.set("except_", kept or None)

    def _everything(self, relation: Relation) -> None:
        reference = relation.reference
        if reference is None:
            return
        reference.everything = True
        if relation.locked and isinstance(reference.table, VisibleDataset):
            self.starred[reference.table.name] = reference.table

    def use(self, relation: Relation, key: str) -> None:
        """Say that a column of a relation is used."""
        if relation.reference is not None:
            relation.reference.used.add(key)

    def _mean(self, node: exp.Column, relation: Relation, key: str) -> None:
        if relation.reference is not None and key in relation.columns:
            self.meanings[id(node)] = Meaning(relation.reference, relation.columns[key])

    def lock(self, relation: Relation, key: str, at: Place | None) -> None:
        """Say that a column is named which the person may not read."""
        assert relation.reference is not None
        table = relation.reference.table
        assert isinstance(table, VisibleDataset)
        self.closed.append(Closed(table, relation.locked[key], at))


def _set_parts(node: exp.Column, parts: list[exp.Expr]) -> None:
    """Make `node` the column that these parts name: table, column, then fields of a struct."""
    for key, part in zip(("this", "table", "db", "catalog"), [*reversed(parts), None, None, None], strict=False):
        node.set(key, part)
