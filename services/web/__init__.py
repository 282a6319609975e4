"""What every HTTP program of ours shares, so that all of them answer alike. No domain in here.

- ``app.build_app(...)``: a FastAPI with problem details, the body limit, ``/healthz``,
  ``/readyz`` and ``/metrics``. A program adds its routers to it.
- ``app.Frame.direct``: whole ASGI applications by (method, path) that skip FastAPI's middleware and
  routing; wrap an endpoint in ``problems.guarded`` and ``limits.BodyLimit``.
- ``problems``: errors as RFC 9457 ``application/problem+json``; raise :class:`MaitredError`
  subclasses in a route and the rest happens. ``PROBLEMS`` documents them in OpenAPI,
  ``problem_response`` makes one by hand.
- ``parameters.no_unknown_parameters``: dependency of a router that answers 422 to query
  parameters which its routes do not declare.
- ``auth.admin_key(settings)`` reads or makes the key; ``auth.AdminKey(key)`` is the dependency
  (``dependencies=[Depends(AdminKey(key))]``) that compares it in constant time.
- ``responses.JsonResponse``: orjson, for replies that are plain dicts.
- ``limits.BodyLimit``: ASGI middleware, 1 MiB, chunked bodies too.
- ``exposition``: ``/metrics``, added up over all processes of the program.
- ``launcher.run(program, "services.x.app:create", settings, ...)``: a master with workers, and
  ``companion.Companion`` programs beside them; returns when told to stop (SIGTERM, Ctrl-C) and all
  running requests are answered. SIGHUP restarts them one at a time (``master``, ``roll``, ``post``).
- ``worker``, ``server``, ``protocol``: what runs in a worker: uvicorn, draining and patient with
  slow clients up to a limit. ``scope["state"]["arrived"]``: when a request's first byte was read;
  ``"due"``: when the application could begin with it.
- ``folder.find_master``: what a running master records of its processes.
"""
