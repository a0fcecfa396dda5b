"""Give every name of a statement its meaning for this person: tables by scope, then columns.

Afterwards each table is a `Reference` with the columns that are used of it, and each column stands under
its relation's alias.  Whatever cannot be given a meaning is refused; what has one and is closed to the person
is told to `rights.decide`, which refuses it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlglot import exp

from swap.catalog.model import TableName, VisibleDataset
from swap.errors import Problem, QueryRefused
from swap.query.language.parse import cut, offset_of, place
from swap.query.model import Closed, Meaning, Named, OwnTable, Place, Reference, Resolved
from swap.query.planning import refusals
from swap.query.planning import scope as scopes
from swap.query.planning.refusals import Near
from swap.query.planning.scope import Cte, Ctes, Output, Relation, Scope

MAX_TABLES = 64
"""Places in one statement that may name a table."""

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
    notices = refusals.left_out(resolver.starred)
    return Resolved(tree, resolver.references, notices, resolver.meanings, resolver.named, resolver.closed)


class _Resolver:
    def __init__(
        self, text: str, tables: Mapping[TableName, VisibleDataset], near: Near, own: Mapping[str, OwnTable]
    ) -> None:
        self.text = text
        self.tables = tables
        self.near = near
        self.own = {name.casefold(): table for name, table in own.items()}
        self.references: list[Reference] = []
        self.closed: list[Closed] = []
        self.meanings: dict[int, Meaning] = {}
        self.starred: dict[TableName, VisibleDataset] = {}
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
                relation = self._relation_of_star(item, scope)
                found += self._star(item.this, [relation], scope, ctes)
                is_open = is_open or relation.open
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
        if isinstance(item, exp.Table):
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
            self._use(relation, key)
        if holding or any(relation.open for relation in side):
            return
        for relation in side:
            if key in relation.locked:
                self._lock(relation, key, at)
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
            self.closed.append(Closed(found, None, at))
            # Whatever is said of its columns, the table is what is refused.
            return Relation(node.alias_or_name.casefold(), {}, open=True)
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
                self._column(part, scope, ctes, aliases_first=aliases_first)
            elif isinstance(part, exp.Star):
                if not isinstance(part.parent, exp.Count):
                    self._star(part, scope.relations, scope, ctes)
            elif isinstance(part, (exp.Table, exp.Join)):
                raise self._refused("A table cannot stand there.", part)
            else:
                stack.extend(part.iter_expressions())

    def _column(self, node: exp.Column, scope: Scope, ctes: Ctes, *, aliases_first: bool) -> None:
        if isinstance(node.this, exp.Star):
            self._star(node.this, [self._relation_of_star(node, scope)], scope, ctes)
            return
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
        raise refusals.unknown_column(
            missing, relations, self._at(parts[-1]), quoted=bool(parts[-1].args.get("quoted"))
        )

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
                    self._lock(relation, key, self._at(parts[length]))
                    return True
                if key in relation.columns or relation.open:
                    self._use(relation, key)
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
            self._use(relation, key)
        if len(holding) == 1 and len(written) == 1:
            self._mean(node, holding[0], key)
        if holding:
            return True
        for relation in scope.relations:
            if key in relation.locked:
                self._lock(relation, key, self._at(node.parts[0]))
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

    def _unknown_prefix(self, node: exp.Column, written: list[str], scope: Scope) -> QueryRefused:
        relations = [relation for around in scope.chain() for relation in around.relations]
        known = ", ".join(sorted({relation.alias for relation in relations if relation.alias}))
        error = refusals.unknown_column(written[0], relations, self._at(node.parts[0]))
        why = f"Nothing was run. It is neither a column nor a table in this FROM{f' ({known})' if known else ''}."
        return type(error)(
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
    def _relation_of_star(self, node: exp.Column, scope: Scope) -> Relation:
        written = [part.name for part in node.parts[:-1]]
        for around in scope.chain():
            for relation in around.relations:
                if len(written) == 1 and relation.alias == written[0].casefold():
                    return relation
                if len(written) > 1 and relation.qualifies(written):
                    _set_parts(node, list(node.parts[-2:]))
                    return relation
        raise self._unknown_prefix(node, written, scope)

    def _star(self, star: exp.Star, relations: Sequence[Relation], scope: Scope, ctes: Ctes) -> list[str]:
        """Open a star over relations: everything that may be read, minus EXCLUDE."""
        if not relations:
            raise self._refused("SELECT * needs a FROM.", star)
        for relation in relations:
            self._everything(relation)
        self._exclude(star, relations)
        for item in [*(star.args.get("replace") or []), *(star.args.get("rename") or [])]:
            self.expression(item.this if isinstance(item, exp.Alias) else item, scope, ctes)
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
                raise refusals.unknown_column(item.name, relations, self._at(item))
        if star.args.get("except_"):
            star.set("except_", kept or None)

    def _everything(self, relation: Relation) -> None:
        reference = relation.reference
        if reference is None:
            return
        reference.everything = True
        if relation.locked and isinstance(reference.table, VisibleDataset):
            self.starred[reference.table.name] = reference.table

    def _use(self, relation: Relation, key: str) -> None:
        if relation.reference is not None:
            relation.reference.used.add(key)

    def _mean(self, node: exp.Column, relation: Relation, key: str) -> None:
        if relation.reference is not None and key in relation.columns:
            self.meanings[id(node)] = Meaning(relation.reference, relation.columns[key])

    def _lock(self, relation: Relation, key: str, at: Place | None) -> None:
        assert relation.reference is not None
        table = relation.reference.table
        assert isinstance(table, VisibleDataset)
        self.closed.append(Closed(table, relation.locked[key], at))

    def _at(self, node: exp.Expr) -> Place | None:
        return place(self.text, offset_of(node))

    def _refused(self, title: str, node: exp.Expr, todo: str = "") -> QueryRefused:
        at = self._at(node)
        return QueryRefused(
            Problem(
                title, why="Nothing was run.", todo=todo, line=at.line if at else None, column=at.column if at else None
            )
        )


def _is_query(node: exp.Expr) -> bool:
    """Tell whether parentheses hold a query, not a join: (SELECT …) against (a JOIN b)."""
    while isinstance(node, exp.Subquery) and not node.alias and not node.args.get("joins"):
        node = node.this
    return isinstance(node, (exp.Select, exp.SetOperation, exp.Values))


def _set_parts(node: exp.Column, parts: list[exp.Expr]) -> None:
    """Make `node` the column that these parts name: table, column, then fields of a struct."""
    for key, part in zip(("this", "table", "db", "catalog"), [*reversed(parts), None, None, None], strict=False):
        node.set(key, part)
