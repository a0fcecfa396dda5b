"""A scheduler of others, in a process of its own: told when how many are due, it says how late each was begun.

`side.py jupyter|apscheduler <directory> <schedules> <database>`, in the environment `schedulers`.  A line
`{"count": 50, "at": 1800000000.0}` lets so many be due at that moment of the clock; the answer is their lateness in
seconds.  What they would run is nothing, so that only how they schedule is measured.
"""

from __future__ import annotations

import asyncio
import json
import pickle
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from jupyter_scheduler.environments import StaticEnvironmentManager
from jupyter_scheduler.executors import ExecutionManager
from jupyter_scheduler.orm import Job, JobDefinition, create_session, create_tables
from jupyter_scheduler.scheduler import Scheduler
from jupyter_scheduler.task_runner import JobDefinitionTask, TaskRunner, UpdateJobDefinitionCache
from sqlalchemy import update

FAR = "0 6 1 1 *"
"""When those are due that are not let be due: at New Year."""
_begun: dict[str, float] = {}


class Nothing(ExecutionManager):
    """What jupyter-scheduler executes a job with: it does nothing, in a process of its own."""

    def process(self) -> None:
        """Execute nothing, and say nothing of it."""

    def execute(self) -> None:
        """Execute nothing."""

    def supported_features(self) -> dict[str, bool]:
        """Return that it can do nothing."""
        return {}

    def validate(self, _path: str) -> bool:
        """Take every notebook."""
        return True


def note(name: str) -> None:
    """Say when a job of APScheduler's was begun."""
    _begun[name] = time.time()


def jupyter(directory: str, schedules: int, _database: str) -> Callable[[int, float], list[float]]:
    """Run jupyter-scheduler as its server extension does, with its own interval and its own SQLite."""
    url = f"sqlite:///{directory}/scheduler.sqlite"
    create_tables(url)
    empty = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (Path(directory) / "a.ipynb").write_text(json.dumps(empty))
    sessions = create_session(url)
    its = {"input_filename": "a.ipynb", "name": "a", "runtime_environment_name": "", "output_formats": []}
    with sessions() as session:
        rows = [{"job_definition_id": f"d{n}", "schedule": FAR, "timezone": "UTC", **its} for n in range(schedules)]
        session.bulk_insert_mappings(JobDefinition, rows)
        session.commit()
    running, ready = asyncio.new_event_loop(), threading.Event()
    runners: list[TaskRunner] = []

    async def run() -> None:
        # What it remembers is of the thread that made it.
        scheduler = Scheduler(root_dir=directory, environments_manager=StaticEnvironmentManager(), db_url=url)
        scheduler.execution_manager_class = Nothing
        scheduler.copy_input_file = lambda *_: None
        runner = scheduler.task_runner
        runner.populate_cache()
        runner.populate_cache = lambda: None
        runners.append(runner)
        ready.set()
        await runner.start()

    def begin() -> None:
        running.run_until_complete(run())

    threading.Thread(target=begin, daemon=True).start()
    ready.wait()
    unused = _numbers(schedules)

    async def let_be_due(names: list[str], moment: int) -> None:
        (runner,) = runners
        for name in names:
            runner.cache.update(name, UpdateJobDefinitionCache(next_run_time=moment))
            runner.queue.push(JobDefinitionTask(job_definition_id=name, next_run_time=moment))

    def due(count: int, at: float) -> list[float]:
        names = [f"d{next(unused)}" for _ in range(count)]
        asyncio.run_coroutine_threadsafe(let_be_due(names, int(at * 1e3)), running).result()
        made: list[int] = []
        while len(made) < count:
            time.sleep(3)  # what reads its database keeps it from writing
            with sessions() as session:
                made = [row[0] for row in session.query(Job.create_time).filter(Job.job_definition_id.in_(names))]
        return [each / 1e3 - at for each in made]

    return due


def apscheduler(_directory: str, schedules: int, database: str) -> Callable[[int, float], list[float]]:
    """Run APScheduler with its jobs in PostgreSQL, and with threads."""
    store = SQLAlchemyJobStore(url=database)
    scheduler = BackgroundScheduler(
        jobstores={"default": store}, executors={"default": ThreadPoolExecutor(20)}, timezone=UTC
    )
    scheduler.start()
    far = datetime(datetime.now(UTC).year + 1, 1, 1, 6, tzinfo=UTC)
    settings = {"month": 1, "day": 1, "hour": 6, "id": "d0", "args": ("d0",), "misfire_grace_time": None}
    state = scheduler.add_job(f"{__name__}:note", "cron", **settings).__getstate__()

    def row(number: int, at: datetime) -> dict[str, Any]:
        name = f"d{number}"
        its = state | {"id": name, "args": (name,), "next_run_time": at}
        return {"id": name, "next_run_time": at.timestamp(), "job_state": pickle.dumps(its)}

    with store.engine.begin() as conn:
        conn.execute(store.jobs_t.insert(), [row(number, far) for number in range(1, schedules)])
    unused = _numbers(schedules)

    def due(count: int, at: float) -> list[float]:
        numbers = [next(unused) for _ in range(count)]
        with store.engine.begin() as conn:
            for number in numbers:
                values = row(number, datetime.fromtimestamp(at, UTC))
                conn.execute(update(store.jobs_t).where(store.jobs_t.c.id == values.pop("id")).values(**values))
        scheduler.wakeup()
        names = [f"d{number}" for number in numbers]
        while not all(name in _begun for name in names):
            time.sleep(0.2)
        return [_begun[name] - at for name in names]

    return due


def _numbers(schedules: int) -> Iterator[int]:
    return iter(range(1, schedules))


def main() -> None:
    """Answer until nothing more is asked."""
    which, directory, schedules, database = sys.argv[1:]
    due = {"jupyter": jupyter, "apscheduler": apscheduler}[which](directory, int(schedules), database)
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(due(asked["count"], asked["at"])), flush=True)


if __name__ == "__main__":
    main()
