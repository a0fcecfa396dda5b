"""Outside JupyterLab: scripts, terminals, nbconvert, and a notebook opened without a kernel."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbconvert import HTMLExporter, MarkdownExporter, PythonExporter
from pexpect.fdpexpect import fdspawn

from integration.client.conftest import Server
from integration.client.notebooks import KERNEL, Notebook
from integration.gateway.gateways import Gateway

JOIN = (
    "SELECT v.page_title, sum(v.view_count) AS views FROM lake.wmf.pageview_hourly v JOIN mediawiki.enwiki.page p USING"
    " (page_id) GROUP BY 1 ORDER BY 2 DESC"
)


@pytest.fixture
def environment(swap_gateway: Gateway, server: Server, tmp_path: Path) -> dict[str, str]:
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        "SWAP_GATEWAY": swap_gateway.url,
        "SWAP_TOKEN_SOCKET": str(server.path),
    }


def run(environment: dict[str, str], code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(KERNEL), "-E", "-s", "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_script_prints_a_table_and_nothing_else(environment: dict[str, str]) -> None:
    done = run(environment, f"import swap; print(swap.sql('''{JOIN}'''))")

    assert done.stderr == ""
    assert done.stdout.splitlines()[:4] == [
        "   page_title   views",
        "   text        bigint",
        "─  ──────────  ──────",
        "1  C               30",
    ]


def test_an_error_ends_a_script_with_its_reason_last(environment: dict[str, str]) -> None:
    done = run(environment, "import swap; swap.sql('SELECT city FROM lake.wmf.pageview_hourly')")

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(
        "swap.errors.Forbidden: You may not read the column city of lake.wmf.pageview_hourly"
    )


def test_importing_loads_nothing_heavy_and_is_fast(environment: dict[str, str]) -> None:
    code = (
        "import sys, time; before = time.process_time(); import swap; print(time.process_time() - before); print([name"
        " for name in ('pyarrow', 'pandas', 'polars', 'altair', 'numpy', 'IPython', 'httpx') if name in sys.modules])"
    )

    answers = [run(environment, code).stdout.splitlines() for _ in range(3)]

    assert answers[0][1] == "[]"
    assert min(float(answer[0]) for answer in answers) < 0.25


def test_a_question_needs_no_pyarrow_until_rows_are_wanted(environment: dict[str, str]) -> None:
    done = run(
        environment,
        "import sys, swap; r = swap.sql('SELECT 1 AS one'); repr(r); print('pyarrow' in sys.modules); r.to_arrow();"
        " print('pyarrow' in sys.modules)",
    )

    assert done.stdout.split() == ["False", "True"], done.stderr


def test_the_kernel_environment_has_no_server_package(environment: dict[str, str]) -> None:
    names = ("sqlglot", "sqlalchemy", "psycopg", "fastapi", "jupyter_server", "jupyterhub", "pydantic")
    done = run(
        environment, f"from importlib.util import find_spec; print([name for name in {names} if find_spec(name)])"
    )

    assert done.stdout.strip() == "[]"


def test_control_c_ends_a_script_and_its_query(environment: dict[str, str], swap_gateway: Gateway) -> None:
    swap_gateway.lake.behaviour.gate = threading.Event()
    script = subprocess.Popen(
        [str(KERNEL), "-c", "import swap; swap.sql('SELECT n FROM lake.big.numbers')"],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: swap_gateway.lake.running)
    os.kill(script.pid, signal.SIGINT)
    said = script.communicate(timeout=60)[1].rstrip()

    assert swap_gateway.lake.running == 0
    assert re.search(r"Interrupted: Cancelled: by you Stopped (in lake )?after [\d.]+ s\.$", said)


def test_a_terminal_shows_one_line_of_progress_and_no_traceback(
    environment: dict[str, str], swap_gateway: Gateway
) -> None:
    # Not pexpect.spawn: it runs Python between fork and exec, which a process with threads must not.
    ours, theirs = os.openpty()
    program = subprocess.Popen(
        [str(KERNEL), "-m", "IPython", "--simple-prompt", "--no-banner", "--ext=swap"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**environment, "TERM": "dumb", "COLUMNS": "200"},
    )
    os.close(theirs)
    shell = fdspawn(ours, encoding="utf-8", timeout=60)
    try:
        shell.expect(r"In \[1\]")
        shell.sendline("import swap; countries = swap.sql('SELECT name FROM lake.canonical.countries ORDER BY 1')")
        shell.expect(r"In \[2\]")
        assert "rows" not in shell.before
        shell.sendline("countries")
        shell.expect(r"3  India\s+3 rows × 1 column")
        swap_gateway.lake.behaviour.gate = threading.Event()
        shell.sendline("swap.sql('SELECT n FROM lake.big.numbers')")
        shell.expect(r"Running in lake, \d")
        os.kill(program.pid, signal.SIGINT)
        shell.expect("Cancelled: by you")
        shell.expect(r"In \[4\]")
        assert "Traceback" not in shell.before
        shell.sendline("%swap SELECT page_titel FROM lake.wmf.pageview_hourly")
        shell.expect("page_titel is not a column")
        shell.expect("page_title")
    finally:
        shell.close()
        program.wait(10)


def test_a_saved_notebook_is_readable_without_a_kernel(notebook: Notebook, tmp_path: Path) -> None:
    notebook.run(f"%%swap pages\n{JOIN}")
    notebook.run("pages.chart('bar', x='views', y='page_title')")
    notebook.run("%%swap\nSELECT city FROM lake.wmf.pageview_hourly", fails=True)
    path = tmp_path / "saved.ipynb"
    nbformat.write(notebook.document, path)

    saved = nbformat.read(path, as_version=4)
    html, markdown, python = (
        kind().from_notebook_node(saved)[0] for kind in (HTMLExporter, MarkdownExporter, PythonExporter)
    )

    assert "<table" in html
    assert "page_title" in html
    assert "You may not read the column city" in html
    assert "<td" in markdown
    assert "SELECT v.page_title" in python
    plain = [cell.outputs[0]["data"]["text/plain"] for cell in saved.cells]
    assert plain[0].startswith("   page_title   views\n")
    assert plain[1].startswith("Chart (bar): views by page_title, from pages\nC  ███")
    assert plain[2].startswith("You may not read the column city")
    assert "progress" not in path.read_text()


def test_a_query_that_failed_after_its_progress_was_shown_leaves_no_progress(
    notebook: Notebook, swap_gateway: Gateway
) -> None:
    swap_gateway.lake.behaviour.seconds_per_batch = 0.1
    swap_gateway.lake.behaviour.fail_after_rows = 10_000
    caught = notebook.one(
        "import swap\ntry:\n    swap.sql('SELECT n FROM lake.big.numbers')\nexcept swap.errors.SwapError as error:\n   "
        " failed = error"
    )

    assert caught.keys() == {"text/plain"}
    assert notebook.value("type(failed).__name__") == "SourceFailed"


def until(holds: Any, seconds: float = 60) -> None:
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.02)
