"""What Istio makes of resources, as far as Envoy sees it: the filter chain of a gateway. Istio's own code does more, and is not here: which
proxies a resource is for, the agent that fetches a module, and the order among several resources.

What becomes of a WasmPlugin: pilot/pkg/model/extensions.go of istio/istio."""

import json

from proxy import address, cluster, string_value, typed

ROUTER = {"name": "envoy.filters.http.router", "typed_config": typed("filters.http.router.v3.Router")}
WASM = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"
FAILURE = {"FAIL_CLOSE": "FAIL_CLOSED", "FAIL_OPEN": "FAIL_OPEN", "FAIL_RELOAD": "FAIL_RELOAD"}


def discovered(name):
    """A filter whose configuration comes from the control plane."""
    source = {"ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3"}
    return {"name": name, "config_discovery": {"config_source": source, "type_urls": [WASM]}}


def extension_of(plugin):
    """The configuration that a WasmPlugin becomes. There is no `vm_id` in it, and no flag to hold headers."""
    spec, name = plugin["spec"], f"{plugin['metadata']['namespace']}.{plugin['metadata']['name']}"
    environment = {}
    for variable in spec.get("vmConfig", {}).get("env", []):
        if variable.get("valueFrom") == "HOST":
            environment.setdefault("host_env_keys", []).append(variable["name"])
        else:
            environment.setdefault("key_values", {})[variable["name"]] = variable["value"]
    vm = {"runtime": "envoy.wasm.runtime.v8", "code": {"remote": {"http_uri": {"uri": spec["url"], "timeout": "30s", "cluster": "_"}}}}
    if environment:
        vm["environment_variables"] = environment
    config = {"name": name, "root_id": spec["pluginName"], "configuration": string_value(json.dumps(spec["pluginConfig"])), "vm_config": vm,
              "failure_policy": FAILURE[spec["failStrategy"]]}
    return {"name": name, "typed_config": {"@type": WASM, "config": config}}


def patches(documents, kind):
    for document in documents:
        for patch in document["spec"]["configPatches"] if document["kind"] == "EnvoyFilter" else []:
            if patch["applyTo"] == kind:
                yield patch["patch"]["operation"], patch["patch"]["value"]


def place(chain, operation, value):
    """A filter at its place: all of ours that are not first are in front of the router."""
    return {"INSERT_FIRST": [value, *chain], "INSERT_BEFORE": [*chain[:-1], value, chain[-1]]}[operation]


def gateway(documents):
    """The filter chain of a gateway with these resources, and the configurations that the control plane gives its filters by name."""
    plugins = [document for document in documents if document["kind"] == "WasmPlugin"]
    extensions = [extension_of(plugin) for plugin in plugins]
    chain = [*(discovered(extension["name"]) for extension in extensions), ROUTER]
    for operation, value in patches(documents, "HTTP_FILTER"):
        chain = place(chain, operation, value)
    for operation, value in patches(documents, "EXTENSION_CONFIG"):
        assert operation == "ADD"
        extensions.append(value)
    return chain, {extension["name"]: extension["typed_config"] for extension in extensions}


def fetched(configuration, module):
    """A configuration whose module the agent has fetched."""
    config = configuration["config"]
    assert set(config["vm_config"]["code"]) == {"remote"}
    vm = {**config["vm_config"], "code": {"local": {"filename": str(module)}}}
    return {**configuration, "config": {**config, "vm_config": vm}}


def bootstrap(*chains):
    """An Envoy with a listener for each chain of filters, and a control plane that it would ask."""
    def listener(port, chain):
        manager = typed("filters.network.http_connection_manager.v3.HttpConnectionManager", stat_prefix="test", http_filters=chain, route_config={
            "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "upstream"}}]}]})
        return {"name": str(port), "address": address(port), "filter_chains": [{"filters": [
            {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}]}

    ads = {"api_type": "GRPC", "transport_api_version": "V3", "grpc_services": [{"envoy_grpc": {"cluster_name": "control"}}]}
    return {
        "node": {"id": "test", "cluster": "test"},
        "dynamic_resources": {"ads_config": ads},
        "static_resources": {"listeners": [listener(18080 + index, chain) for index, chain in enumerate(chains)],
                             "clusters": [cluster("upstream", 18090), cluster("control", 18091, http2=True)]},
    }
