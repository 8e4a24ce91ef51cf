"""The server of the page. It serves what is in its list, takes measured times, and does nothing else."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.staticfiles import StaticFiles

from pinch.apps.web.site import Resource, media_type
from pinch.apps.web.timings import FullError
from pinch.core.errors import PinchError

MAX_TIMINGS = 16 << 20
"""Bytes of measured times: a hundred rounds of a thousand inferences of a dozen models."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")
_COMPILES = ("worker-", "ort/", "litert/")
"""Scripts that run in workers, where WebAssembly is compiled. The page itself may not."""
_POLICY = (
    "default-src 'none'; script-src 'self'{wasm}; worker-src 'self'; connect-src 'self'; style-src 'self'; "
    "img-src 'self' data:; media-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    # These two isolate the page from others, for which browsers give it threads and precise clocks.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    # Ask each time whether it is still the same, so that a new build is seen.
    "Cache-Control": "no-cache",
    "Vary": "Accept-Encoding",
}


def headers(address: str) -> dict[str, str]:
    """The headers of what is at an address."""
    wasm = " 'wasm-unsafe-eval'" if address.startswith(_COMPILES) else ""
    return _HEADERS | {"Content-Security-Policy": _POLICY.format(wasm=wasm)}


def app(contents: dict[str, Resource], save: Callable[[object], str], host: str) -> Starlette:
    """The application.

    Args:
        contents: what is at each address, see `pinch.apps.web.site`.
        save: takes the times that a page measured, as JSON, and returns what to tell its reader; raises a `PinchError`
            if it refuses them, and a `FullError` if it takes no more of any.
        host: address to serve at. At a loopback address, requests under other names are refused, so that no page from
            elsewhere gets in by a name that it has resolve to this machine.
    """
    # Of what is no file; where it is one, its time and size tell whether it is still the same.
    digests = {
        address: hashlib.sha256(resource.content).hexdigest()
        for address, resource in contents.items()
        if isinstance(resource.content, bytes)
    }

    async def get(request: Request) -> Response:
        address = request.path_params["address"] or "index.html"
        resource = contents.get(address)
        if resource is None:
            return PlainTextResponse(f"there is no {address}\n", 404, headers("/"))
        return _answer(address, resource, digests.get(address), request.headers)

    async def post(request: Request) -> Response:
        try:
            said = save(await _json(request))
        except FullError as error:
            return PlainTextResponse(str(error), 507, headers("/"))
        except PinchError as error:
            return PlainTextResponse(str(error), 400, headers("/"))
        return PlainTextResponse(said, 200, headers("/"))

    names = [f"[{name}]" if ":" in name else name for name in LOOPBACK] if host in LOOPBACK else ["*"]
    routes = [Route("/timings", post, methods=["POST"]), Route("/{address:path}", get)]
    return Starlette(routes=routes, middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=names)])


def _answer(address: str, resource: Resource, digest: str | None, asked: Headers) -> Response:
    content, said, coding = resource.content, headers(address), ""
    if resource.zipped is not None and "gzip" in asked.get("accept-encoding", ""):
        content, said, coding = resource.zipped, said | {"Content-Encoding": "gzip"}, "-gzip"
    answer: Response
    if isinstance(content, bytes):
        answer = Response(content, headers=said | {"ETag": f'"{digest}{coding}"'}, media_type=media_type(address))
    else:
        answer = FileResponse(content, headers=said, media_type=media_type(address), stat_result=content.stat())
    if StaticFiles().is_not_modified(answer.headers, asked):
        return Response(status_code=304, headers=said | {"ETag": answer.headers["etag"]})
    return answer


async def _json(request: Request) -> object:
    """The JSON that the page sends.

    Raises:
        PinchError: it is from another page, too long, or no JSON.
    """
    asked = request.headers
    own = urlsplit(asked.get("origin", "")).netloc == asked.get("host")
    if not own or asked.get("content-type") != "application/json":
        raise PinchError("only this page may send times here: measure in the page that this server gives")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_TIMINGS:
            raise PinchError(f"these times have more than {MAX_TIMINGS >> 20} MB: measure fewer rounds")
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise PinchError("these times are no JSON: measure again") from error


def server(application: Starlette, certificate: Path | None = None, key: Path | None = None) -> uvicorn.Server:
    """A server that is not running yet; `run(sockets=[...])` runs it until Ctrl-C."""
    config = uvicorn.Config(
        application,
        log_level="warning",
        server_header=False,
        ssl_certfile=certificate and str(certificate),
        ssl_keyfile=key and str(key),
    )
    return uvicorn.Server(config)
