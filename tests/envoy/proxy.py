"""An Envoy with the filter in it, configured from a few words; what the manifests in envoy/ say at length."""

import json
import pathlib

import yaml

import local

TAGS = ["verdict", "code", "route", "type", "stage", "set", "result", "plugin", "digest"]


class Proxy(local.Envoy):
    """Listens on `port` in cleartext (HTTP/1.1 and HTTP/2) and on `tls_port` with TLS, where a client certificate is asked for but
    not required. `manager` is what else the HTTP connection manager is told, `http2` whether the upstream is spoken to in HTTP/2, and
    `room` how many bytes of a call the proxy holds. `clusters` are others by name, each with
    its port, and `settings` what else is said of a cluster, by its name; `environment` are the variables that the filter sees, `before` the filters in front of it, `behind` those
    behind it, `allowed` what of the host it may use, where that is not all, and `failure` its failure policy."""

    def __init__(self, binary, directory, policy, *, upstream, logs=None, pki=None, hold="body", flag=None, buffer=None, filters=None,
                 routes=None, limits=None, tags=True, concurrency=1, dynamic=False, access_log=True, configuration=None, module=local.MODULE, vm_id="eventguard",
                 manager=None, http2=False, room=1 << 20, clusters=None, settings=None, environment=None, before=(), behind=(), allowed=None, failure="FAIL_RELOAD"):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.policy = {**policy, "hold": hold}
        if logs:
            self.policy.setdefault("audit", {"cluster": "logs"})
        self.module, self.vm_id, self.environment, self.allowed, self.failure = str(module), vm_id, environment, allowed, failure
        self.flag = hold == "headers" if flag is None else flag
        buffered = hold == "body" if buffer is None else buffer
        self.port, self.tls_port, admin = local.free_port(), local.free_port() if pki else None, local.free_port()
        self.access_log = self.directory / "access.log" if access_log else None
        self.manager, self.room = manager or {}, room
        self.dynamic = self.directory / "ecds.yaml" if dynamic else None
        if dynamic:
            self.write_dynamic(self.wasm(configuration))
        chain = [self._dynamic_filter() if dynamic else {"name": "eventguard", "typed_config": self.wasm(configuration)}]
        chain = [*before, *chain]
        if filters is not None:
            chain = list(filters)
        if buffered and filters is None:
            chain.append({"name": "envoy.filters.http.buffer", "typed_config": typed("filters.http.buffer.v3.Buffer", max_request_bytes=room)})
        chain.extend(behind)
        chain.append({"name": "envoy.filters.http.router", "typed_config": typed("filters.http.router.v3.Router")})
        routes = routes or [{"name": "bus", "match": {"prefix": "/"}, "route": {"cluster": "upstream"}}]
        listeners = [self._listener("plain", self.port, chain, routes, None)]
        if pki:
            listeners.append(self._listener("tls", self.tls_port, chain, routes, pki))
        config = {
            "node": {"id": "test", "cluster": "test"},
            "admin": {"address": address(admin)},
            "static_resources": {
                "listeners": listeners,
                "clusters": [cluster("upstream", upstream.port, http2)] + ([cluster("logs", logs.port, getattr(logs, "HTTP2", False))] if logs else [])
                + ([cluster("limits", limits.port, http2=True)] if limits else [])
                + [cluster(name, port) for name, port in (clusters or {}).items()],
            },
        }
        for found in config["static_resources"]["clusters"]:
            found.update((settings or {}).get(found["name"], {}))
        if tags:
            config["stats_config"] = {"stats_tags": [{"tag_name": tag, "regex": rf"({tag}=\.=(.*?);\.;)"} for tag in TAGS]}
        self.config = self.directory / "envoy.yaml"
        self.config.write_text(yaml.safe_dump(config, sort_keys=False))
        super().__init__(binary, self.config, admin, self.directory / "envoy.log", concurrency)

    def wasm(self, configuration=None, policy=None):
        """The filter's own configuration; `configuration` in the place of the policy as JSON text."""
        config = {
            "name": "eventguard",
            "failure_policy": self.failure,
            "vm_config": {"vm_id": self.vm_id, "runtime": "envoy.wasm.runtime.v8", "code": {"local": {"filename": self.module}}},
            "configuration": configuration or string_value(json.dumps(policy or self.policy)),
        }
        if self.environment:
            config["vm_config"]["environment_variables"] = {"key_values": self.environment}
        if self.allowed:
            config["capability_restriction_config"] = {"allowed_capabilities": {name: {} for name in self.allowed}}
        if self.flag:
            config["allow_on_headers_stop_iteration"] = True
        return typed("filters.http.wasm.v3.Wasm", config=config)

    def write_dynamic(self, wasm):
        """Gives the filter another configuration: Envoy watches for the file to be moved into its place."""
        part = self.dynamic.with_suffix(".part")
        part.write_text(yaml.safe_dump({"resources": [{
            "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig", "name": "eventguard", "typed_config": wasm}]}))
        part.rename(self.dynamic)

    def _dynamic_filter(self):
        return {"name": "eventguard", "config_discovery": {
            "config_source": {"path_config_source": {"path": str(self.dynamic)}, "resource_api_version": "V3", "initial_fetch_timeout": "0s"},
            "type_urls": ["type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"]}}

    def _listener(self, name, port, chain, routes, pki):
        manager = typed(
            "filters.network.http_connection_manager.v3.HttpConnectionManager", stat_prefix=name, http_filters=chain,
            http_protocol_options={"enable_trailers": True},
            route_config={"name": "publish", "virtual_hosts": [{"name": "bus", "domains": ["*"], "routes": routes}]}, **self.manager)
        if self.access_log:
            manager["access_log"] = [{"name": "file", "typed_config": typed(
                "access_loggers.file.v3.FileAccessLog", path=str(self.access_log), log_format={"text_format_source": {
                    "inline_string": "%REQ(X-REQUEST-ID)% %RESPONSE_CODE% %FILTER_STATE(wasm.eventguard:PLAIN)%\n"}})}]
        filter_chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        if pki:
            filter_chain["transport_socket"] = {"name": "tls", "typed_config": typed(
                "transport_sockets.tls.v3.DownstreamTlsContext", require_client_certificate=False, common_tls_context={
                    "alpn_protocols": ["h2", "http/1.1"],
                    "tls_certificates": [{"certificate_chain": {"filename": pki.server}, "private_key": {"filename": pki.server}}],
                    "validation_context": {"trusted_ca": {"filename": pki.authority}}})}
        return {"name": name, "address": address(port), "filter_chains": [filter_chain], "per_connection_buffer_limit_bytes": self.room}

    def logged(self, request_id, seconds=3):
        """The filter state of one call as the access log has it."""
        def line():
            return next((text for text in self.access_log.read_text().splitlines() if text.startswith(request_id)), None)
        return local.wait_until(line, seconds, f"access log of {request_id}").split(" ", 2)[2]


def typed(name, **fields):
    return {"@type": f"type.googleapis.com/envoy.extensions.{name}", **fields}


def string_value(text):
    return {"@type": "type.googleapis.com/google.protobuf.StringValue", "value": text}


def struct_value(document):
    return {"@type": "type.googleapis.com/google.protobuf.Struct", "value": document}


def address(port):
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def cluster(name, port, http2=False):
    """Over HTTP/1.1, with trailers where there are any, or over HTTP/2 without TLS."""
    protocol = {"http2_protocol_options": {}} if http2 else {"http_protocol_options": {"enable_trailers": True}}
    options = typed("upstreams.http.v3.HttpProtocolOptions", explicit_http_config=protocol)
    return {"name": name, "connect_timeout": "1s", "type": "STATIC",
            "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options},
            "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(port)}}]}]}}
