"""Every route of the gateway, in the order of docs/reference/api.md."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from fastapi.sse import EventSourceResponse

from swap.gateway import away, catalog, handlers, notebooks, outputs, own, shared, using


@dataclass(frozen=True, slots=True)
class Route:
    """One route: its method, path, and the function that answers."""

    method: str
    path: str
    answer: Callable[..., Any]
    status: int = 200
    response: type[Response] = JSONResponse


ROUTES = (
    Route("GET", "/v1/health", handlers.health),
    # What portal and hub would answer for one another with, at their own paths: see away.py.
    Route("GET", "/sign-in", away.page),
    Route("GET", "/hub/error/502", away.page),
    Route("POST", "/v1/tokens", handlers.mint_token),
    Route("POST", "/v1/servers/saving", handlers.mint_saving_token),
    Route("POST", "/v1/servers/reading", handlers.mint_reading_token),
    Route("GET", "/v1/servers/events", handlers.server_events, response=EventSourceResponse),
    Route("GET", "/v1/servers/queries", handlers.server_queries),
    Route("POST", "/v1/uploads", handlers.upload),
    Route("POST", "/v1/outputs", outputs.put),
    Route("POST", "/v1/queries", handlers.start_query, 202),
    Route("GET", "/v1/queries", handlers.query_changes),
    Route("GET", "/v1/queries/{query_id}", handlers.query_state),
    Route("GET", "/v1/queries/{query_id}/result", handlers.query_result),
    Route("GET", "/v1/queries/{query_id}/page", handlers.query_page),
    Route("GET", "/v1/queries/{query_id}/download", handlers.query_download),
    Route("DELETE", "/v1/queries/{query_id}", handlers.cancel_query),
    Route("PUT", "/v1/notebooks", notebooks.save),
    Route("DELETE", "/v1/notebooks", notebooks.delete),
    Route("POST", "/v1/notebooks/move", notebooks.move),
    Route("GET", "/v1/own", own.beside_it),
    Route("GET", "/v1/own/version", own.version),
    Route("GET", "/v1/shared", shared.received),
    Route("GET", "/v1/shared/{notebook_id}", shared.standing),
    Route("GET", "/v1/shared/{notebook_id}/version", shared.version),
    Route("PUT", "/v1/shared/{notebook_id}/version", notebooks.edit),
    Route("GET", "/v1/used", using.code),
    Route("GET", "/v1/used/{notebook_id}/output", using.output),
    Route("GET", "/v1/shared/{notebook_id}/beside", shared.beside_it),
    Route("GET", "/v1/catalog", catalog.catalog),
    Route("GET", "/v1/catalog/schemas", catalog.catalog_schemas),
    Route("GET", "/v1/catalog/find", catalog.catalog_find),
    Route("GET", "/v1/catalog/tables", catalog.catalog_tables),
    Route("GET", "/v1/catalog/{source}/{schema}/{table}", catalog.catalog_table),
    Route("POST", "/v1/complete", catalog.complete),
)


def router() -> APIRouter:
    """Return the routes as FastAPI wants them."""
    made = APIRouter()
    for route in ROUTES:
        made.add_api_route(
            route.path,
            route.answer,
            methods=[route.method],
            status_code=route.status,
            response_class=route.response,
            response_model=None,
        )
    return made
