"""Give every name of a statement its meaning for this person: tables by scope, then columns.

Afterwards each table is a `Reference` with the columns that are used of it, and each column stands under
its relation's alias.  Whatever cannot be given a meaning is refused; what has one and is closed to the person
is told to `rights.decide`, which refuses it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlglot import exp

from swap.catalog.model import TableName, VisibleDataset
from swap.errors import QueryRefused
from swap.query.language.names import MAX_TABLES
from swap.query.language.text import cut
from swap.query.model import Closed, Named, OwnTable, Place, Reference, Resolved
from swap.query.planning import refusals
from swap.query.planning import scope as scopes
from swap.query.planning.columns import Columns
from swap.query.planning.refusals import Near
from swap.query.planning.scope import Cte, Ctes, Output, Relation, Scope

_TABLE_ARGS = {"this", "db", "catalog", "alias", "joins"}
_FROM_ARGS = {"from_", "joins", "laterals", "with_"}


def resolve(
    tree: exp.Query, text: str, tables: Mapping[TableName, VisibleDataset], near: Near, own: Mapping[str, OwnTable]
) -> Resolved:
    """Return the statement with every name known; `tables` are those it names.  Raises UnknownName, QueryRefused.

    The tree is changed in place: columns lose the `source.schema.` in front of their table.
    """
    resolver = _Resolver(text, tables, near, own)
    resolver.query(tree, {}, None)
    columns = resolver.columns
    notices = refusals.left_out(columns.starred)
    return Resolved(tree, resolver.references, notices, columns.meanings, resolver.named, columns.closed)


class _Resolver:
    def __init__(
        self, text: str, tables: Mapping[TableName, VisibleDataset], near: Near, own: Mapping[str, OwnTable]
    ) -> None:
        self.columns = Columns(text)
        self.tables = tables
        self.near = near
        self.own = {name.casefold(): table for name, table in own.items()}
        self.references: list[Reference] = []
        self.named: list[Named] = []

    # ── Queries ─────────────────────────────────────────────────────────────────────────────────
    def query(self, node: exp.Expr, ctes: Ctes, parent: Scope | None, itself: Ctes | None = None) -> Output:
        """Resolve a query and return its columns.

        `itself` is the query under its own name, when it may be recursive.
        """
        ctes = self._with(node, ctes, parent, taken=itself or ())
        if isinstance(node, exp.Select):
            return self._select(node, ctes, parent)
        if isinstance(node, exp.SetOperation):
            # Only what UNION adds sees the rows so far.  Elsewhere DuckDB would take the name for another table's.
            recursive = {**ctes, **itself} if itself and isinstance(node, exp.Union) else ctes
            return self._set_operation(node, ctes, parent, recursive)
        if isinstance(node, exp.Subquery):
            output = self.query(node.this, ctes, parent)
            scope = Scope(parent, [output.relation("")])
            self._clauses(node, scope, ctes, skip={"this", "alias", "with_"})
            return output
        if isinstance(node, exp.Values):
            scope = Scope(parent)
            for row in node.expressions:
                self.expression(row, scope, ctes)
            return Output(tuple(f"col{index}" for index in range(len(node.expressions[0].expressions or [1]))))
        raise self._refused(f"{type(node).__name__.upper()} cannot stand there.", node)

    def _with(self, node: exp.Expr, ctes: Ctes, parent: Scope | None, taken: Iterable[str] = ()) -> Ctes:
        with_ = node.args.get("with_")
        if with_ is None:
            return ctes
        known, given = dict(ctes), set(taken)
        for cte in with_.expressions:
            name, columns = cte.alias.casefold(), cte.alias_column_names
            if name in given:
                raise self._refused(
                    f"WITH gives the name {cut(cte.alias)} twice.", cte, "Give each query a name of its own."
                )
            given.add(name)
            named = Named(cte)
            self.named.append(named)
            # Its own rows: computed from what the rest of it reads, which is checked.
            itself = (
                {name: Cte(Output(tuple(columns), open=not columns), named)} if with_.args.get("recursive") else None
            )
            known[name] = Cte(self.query(cte.this, known, parent, itself).renamed(columns), named)
        return known

    def _set_operation(self, node: exp.SetOperation, ctes: Ctes, parent: Scope | None, recursive: Ctes) -> Output:
        # A chain of a thousand UNIONs leans to the left: walk it, do not recurse into it.
        chain: list[exp.Expr] = []
        left: exp.Expr = node
        while isinstance(left, exp.SetOperation) and (left is node or not left.args.get("with_")):
            chain.append(left.expression)
            if left is not node:
                self._clauses(left, Scope(parent), ctes, skip={"this", "expression", "with_"})
            left = left.this
        output = self.query(left, ctes, parent)
        for right in reversed(chain):
            other = self.query(right, recursive if right is node.expression else ctes, parent)
            if node.args.get("by_name"):
                output = Output(tuple(dict.fromkeys([*output.names, *other.names])), output.open or other.open)
        scope = Scope(parent, [output.relation("")])
        self._clauses(node, scope, ctes, skip={"this", "expression", "with_"})
        return output

    def _select(self, node: exp.Select, ctes: Ctes, parent: Scope | None) -> Output:
        scope = Scope(parent)
        from_ = node.args.get("from_")
        if from_ is not None:
            self._from(from_.this, scope, ctes, node)
        for lateral in node.args.get("laterals") or []:
            self._from(lateral, scope, ctes, node)
        for join in node.args.get("joins") or []:
            self._join(join, scope, ctes, node)
        scope.aliases = {item.alias.casefold() for item in node.expressions if isinstance(item, exp.Alias)}
        output = self._projections(node, scope, ctes)
        self._clauses(node, scope, ctes, skip=_FROM_ARGS | {"expressions"})
        return output

    def _projections(self, node: exp.Select, scope: Scope, ctes: Ctes) -> Output:
        found: list[str] = []
        is_open = False
        for item in node.expressions:
            if isinstance(item, exp.Star):
                found += self._star(item, scope.relations, scope, ctes)
                is_open = is_open or any(relation.open for relation in scope.relations)
            elif isinstance(item, exp.Column) and isinstance(item.this, exp.Star):
                relation = self.columns.of_star(item, scope)
                found += self._star(item.this, [relation], scope, ctes) if relation else ()
                is_open = is_open or relation is None or relation.open
            else:
                self.expression(item, scope, ctes)
                name = item.alias_or_name if isinstance(item, (exp.Alias, exp.Column, exp.Dot)) else ""
                is_open = is_open or not name
                found += [name] if name else []
        return Output(tuple(found), is_open)

    def _clauses(self, node: exp.Expr, scope: Scope, ctes: Ctes, skip: set[str]) -> None:
        for key, value in node.args.items():
            if key in skip:
                continue
            for part in value if isinstance(value, list) else [value]:
                if isinstance(part, exp.Expr):
                    self.expression(part, scope, ctes, aliases_first=key == "order")

    # ── FROM ────────────────────────────────────────────────────────────────────────────────────
    def _from(self, item: exp.Expr, scope: Scope, ctes: Ctes, select: exp.Select) -> None:
        if isinstance(item, exp.Table) and not isinstance(item.this, exp.Identifier):
            self.expression(item.this, scope, ctes)
            names = Output(tuple(item.alias_column_names), open=True)
            scope.relations.append(names.relation((item.alias or item.this.name).casefold()))
        elif isinstance(item, exp.Table):
            scope.relations.append(self._table(item, ctes, select))
        elif (
            isinstance(item, exp.Subquery)
            and isinstance(item.this, (exp.Table, exp.Subquery))
            and not _is_query(item.this)
        ):
            if item.alias:
                raise self._refused(
                    "A join in parentheses cannot have an alias.", item, "Give each of its tables an alias."
                )
            self._from(item.this, scope, ctes, select)
        elif isinstance(item, (exp.Subquery, exp.Values)):
            # DuckDB lets a sub-query in FROM see the tables before it, with or without LATERAL.
            output = self.query(
                item if isinstance(item, exp.Values) else item.this, self._with(item, ctes, scope), scope
            )
            self._derived(item, output.renamed(item.alias_column_names), scope)
        elif isinstance(item, exp.Lateral):
            self._lateral(item, scope, ctes)
        elif isinstance(item, exp.Unnest):
            for part in item.expressions:
                self.expression(part, scope, ctes)
            self._derived(item, Output(tuple(item.alias_column_names), open=True), scope)
        else:
            raise self._refused(f"{type(item).__name__.upper()} cannot stand in FROM.", item)
        for join in item.args.get("joins") or []:
            self._join(join, scope, ctes, select)

    def _lateral(self, item: exp.Lateral, scope: Scope, ctes: Ctes) -> None:
        if isinstance(item.this, exp.Subquery):
            output = self.query(item.this, ctes, scope)
            self._derived(item, output.renamed(item.alias_column_names), scope)
        else:
            self.expression(item.this, scope, ctes)
            self._derived(item, Output(tuple(item.alias_column_names), open=True), scope)

    def _derived(self, item: exp.Expr, output: Output, scope: Scope) -> None:
        scope.relations.append(output.relation(item.alias.casefold()))

    def _join(self, join: exp.Join, scope: Scope, ctes: Ctes, select: exp.Select) -> None:
        before = list(scope.relations)
        self._from(join.this, scope, ctes, select)
        joined = scope.relations[len(before) :]
        if join.args.get("on") is not None:
            self.expression(join.args["on"], scope, ctes)
        for shared in join.args.get("using") or []:
            for side in (before, joined):
                self._use_anywhere(shared, side)

    def _use_anywhere(self, shared: exp.Expr, side: Sequence[Relation]) -> None:
        key, at = shared.name.casefold(), self._at(shared)
        holding = [relation for relation in side if key in relation.columns]
        for relation in holding:
            self.columns.use(relation, key)
        if holding or any(relation.open for relation in side):
            return
        for relation in side:
            if key in relation.locked:
                self.columns.lock(relation, key, at)
                return
        raise refusals.unknown_column(shared.name, side, at)

    def _table(self, node: exp.Table, ctes: Ctes, select: exp.Select) -> Relation:
        if extra := sorted(key for key, value in node.args.items() if value and key not in _TABLE_ARGS):
            raise self._refused(f"{extra[0].upper()} cannot follow a table's name.", node)
        written = tuple(part.name for part in node.parts)
        if len(written) == 1 and written[0].casefold() in ctes:
            cte = ctes[written[0].casefold()]
            cte.named.uses.append(node)
            output = cte.output.renamed(node.alias_column_names)
            return output.relation(node.alias_or_name.casefold())
        at = self._at(node)
        found: VisibleDataset | OwnTable | None = None
        if len(written) == 1:
            found = self.own.get(written[0].casefold())
        elif len(written) == len(TableName._fields):
            found = self.tables.get(TableName(*written))
        if found is None:
            raise refusals.unknown_table(written, self.near, [*(table.name for table in self.own.values()), *ctes], at)
        if isinstance(found, VisibleDataset) and not found.read.allowed:
            self.columns.closed.append(Closed(found, None, at))
            # Whatever is said of its columns, the table is what is refused.
            return Relation(
                node.alias_or_name.casefold(), {}, Reference(node, node.alias_or_name, found, ()), open=True
            )
        if node.alias_column_names:
            raise self._refused(
                "A table's columns cannot be renamed behind its alias.", node, "Name them in SELECT: column AS name."
            )
        reference = Reference(node, node.alias_or_name, found, scopes.readable(found), select=select)
        self.references.append(reference)
        if len(self.references) > MAX_TABLES:
            raise self._refused(f"The statement names more than {MAX_TABLES} tables.", node)
        return scopes.relation(reference, node.alias_or_name)

    # ── Columns ─────────────────────────────────────────────────────────────────────────────────
    def expression(self, node: exp.Expr, scope: Scope, ctes: Ctes, *, aliases_first: bool = False) -> None:
        """Resolve every column in an expression, and every query."""
        stack = [node]
        while stack:
            part = stack.pop()
            if isinstance(part, exp.Query):
                self.query(part, ctes, scope)
            elif isinstance(part, exp.Column):
                if isinstance(part.this, exp.Star):
                    relation = self.columns.of_star(part, scope)
                    if relation:
                        self._star(part.this, [relation], scope, ctes)
                else:
                    self.columns.find(part, scope, aliases_first=aliases_first)
            elif isinstance(part, exp.Star):
                if not isinstance(part.parent, exp.Count):
                    self._star(part, scope.relations, scope, ctes)
            elif isinstance(part, (exp.Table, exp.Join)):
                raise self._refused("A table cannot stand there.", part)
            else:
                stack.extend(part.iter_expressions())

    def _star(self, star: exp.Star, relations: Sequence[Relation], scope: Scope, ctes: Ctes) -> list[str]:
        names = self.columns.star(star, relations)
        for item in [*(star.args.get("replace") or []), *(star.args.get("rename") or [])]:
            self.expression(item.this if isinstance(item, exp.Alias) else item, scope, ctes)
        return names

    def _at(self, node: exp.Expr) -> Place | None:
        return self.columns.at(node)

    def _refused(self, title: str, node: exp.Expr, todo: str = "") -> QueryRefused:
        return refusals.refused(title, self._at(node), todo)


def _is_query(node: exp.Expr) -> bool:
    """Tell whether parentheses hold a query, not a join: (SELECT …) against (a JOIN b)."""
    while isinstance(node, exp.Subquery) and not node.alias and not node.args.get("joins"):
        node = node.this
    return isinstance(node, (exp.Select, exp.SetOperation, exp.Values))
