"""What a Spark says that it would read: its answers as they came, and answers that hide something."""

from __future__ import annotations

import pytest

from swap.connectors.hive.spark_plan import NotUnderstoodError, Reads, UnreadableError, reads

ANALYZED = """\
id: int, pw: string
Project [id#19, pw#91]
+- Filter exists#85 [id#19]
   :  +- Project [1 AS 1#92]
   :     +- Filter (id#93 = outer(id#19))
   :        +- SubqueryAlias t
   :           +- SubqueryAlias spark_catalog.db.Other
   :              +- Relation spark_catalog.db.Other[id#93,pw#94] parquet
   +- Join Inner, (id#90 = id#19)
      :- SubqueryAlias v
      :  +- SubqueryAlias spark_catalog.db.old
      :     +- HiveTableRelation [`spark_catalog`.`db`.`old`, org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe]
      +- SubqueryAlias s
         +- SubqueryAlias spark_catalog.db.seen
            +- View (`spark_catalog`.`db`.`seen`, [id#90, pw#91])
               +- Project [cast(id#11 as int) AS id#90, cast(pw#12 as string) AS pw#91]
                  +- SubqueryAlias spark_catalog.db.secret
                     +- Relation spark_catalog.db.secret[id#11,pw#12] parquet
"""
VIEWS = "id: int\nRelation spark_catalog.db.views[id#1] parquet\n"


def told(analyzed: str) -> str:
    return (
        f"== Parsed Logical Plan ==\n'Project ['id]\n\n== Analyzed Logical Plan ==\n{analyzed}\n"
        "== Optimized Logical Plan ==\nProject [id#19]\n\n== Physical Plan ==\n*(1) ColumnarToRow\n"
    )


def test_tables_and_views_and_what_those_read_are_named() -> None:
    tables = {("db", "other"), ("db", "old"), ("db", "seen"), ("db", "secret")}

    assert reads(told(ANALYZED)) == Reads(frozenset(tables), frozenset({("db", "seen")}))


@pytest.mark.parametrize(
    "line",
    [
        "Range (0, 10, step=1)",
        "LocalRelation [x#1]",
        "LogicalRDD [x#1], false",
        "Relation [value#1] text",
        "Relation other.db.views[id#1] parquet",
        "Relation spark_catalog.db.a.b[id#1] parquet",
        "Relation spark_catalog.db.views[id#1,_metadata#2] parquet",
        "Relation spark_catalog.db.views[id#1... 3 more fields] parquet",
        "RelationV2[id#1] spark_catalog.db.views spark_catalog.db.views",
        "View (`passed`, [pw#1])",
        "ScriptTransformation cat, [x#1]",
        "'UnresolvedRelation [db, views], [], false",
        "a text's own line",
        "",
    ],
)
def test_a_step_that_is_on_no_list_is_refused(line: str) -> None:
    with pytest.raises(UnreadableError):
        reads(told(f"{VIEWS}   +- {line}\n" if line else f"{VIEWS}\nProject [id#1]\n"))


def test_an_answer_that_is_cut_short_is_refused() -> None:
    whole = told(ANALYZED)
    for length in range(0, whole.index("*(1)"), 7):
        with pytest.raises(UnreadableError):
            reads(f"{whole[:length]}... {len(whole) - length} more characters")


def test_a_text_that_ends_the_plan_early_is_refused() -> None:
    early = "\n\n== Optimized Logical Plan ==\nx\n\n== Physical Plan ==\nx"

    with pytest.raises(UnreadableError):
        reads(told(f"x: string\nProject [a{early} AS x#1]\n+- Relation spark_catalog.db.secret[pw#1] parquet\n"))


def test_a_line_that_is_made_up_takes_nothing_away() -> None:
    made_up = (
        f"{VIEWS}   +- View (`spark_catalog`.`db`.`views`, [x#1])\n      +- Relation spark_catalog.db.secret[x#1] x\n"
    )

    assert ("db", "secret") in reads(told(made_up)).tables


def test_what_spark_does_not_understand_is_told_by_its_name_alone() -> None:
    refused = (
        "== Parsed Logical Plan ==\n'Project ['ip]\n\n== Analyzed Logical Plan ==\norg.apache.spark.sql.AnalysisException:"
        " [UNRESOLVED_COLUMN.WITH_SUGGESTION] A column with name `ip` cannot be resolved. SQLSTATE: 42703\n'Project ['ip]\n"
    )

    with pytest.raises(NotUnderstoodError, match=r"^UNRESOLVED_COLUMN\.WITH_SUGGESTION$"):
        reads(refused)
