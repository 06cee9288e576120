//! The forms that a policy is rendered into: a filter entry of Envoy, resources of Istio.

use super::{Hold, Rendering};

/// Entries for `http_filters`, in their order.
pub fn envoy(rendering: &Rendering, wasm: &str) -> String {
    let code = format!("{{local: {{filename: {}}}}}", quoted(wasm));
    let mut text = format!("- name: eventguard\n{}", indented(&wasm_filter(rendering, &code), 2));
    if rendering.hold == Hold::Body {
        text.push_str("# Right behind eventguard: holds the headers back until the whole body is judged.\n");
        text.push_str(&format!("- {}", indented(&buffer_filter(rendering), 2).trim_start()));
    }
    text
}

/// Resources for an ingress gateway; the comments say what to change elsewhere.
pub fn istio(rendering: &Rendering, url: &str) -> String {
    match rendering.hold {
        Hold::Body => format!("{}---\n{}", istio_buffer(rendering), wasm_plugin(rendering, url)),
        Hold::Headers => istio_filter(rendering, url),
    }
}

/// `typed_config` of the filter, in Envoy's words.
fn wasm_filter(rendering: &Rendering, code: &str) -> String {
    let flag = match rendering.hold {
        Hold::Body => "",
        // Without it no body comes while the headers are held.
        Hold::Headers => "    allow_on_headers_stop_iteration: true\n",
    };
    let variables = match rendering.variables.as_slice() {
        [] => String::new(),
        names => format!("      environment_variables: {{host_env_keys: {}}}\n", serde_json::json!(names)),
    };
    format!(
        "typed_config:
  \"@type\": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
  config:
    name: eventguard
    root_id: eventguard
    failure_policy: FAIL_RELOAD
{flag}    vm_config:
      vm_id: eventguard
      runtime: envoy.wasm.runtime.v8
      code: {code}
{variables}    configuration:
      \"@type\": type.googleapis.com/google.protobuf.StringValue
      value: |
{}",
        indented(&rendering.policy, 8)
    )
}

fn buffer_filter(rendering: &Rendering) -> String {
    format!(
        "name: envoy.filters.http.buffer
typed_config:
  \"@type\": type.googleapis.com/envoy.extensions.filters.http.buffer.v3.Buffer
  max_request_bytes: {}\n",
        rendering.buffer
    )
}

/// What an EnvoyFilter starts with, up to its patches.
fn envoy_filter(name: &str) -> String {
    format!(
        "apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata:
  name: {name}
  namespace: istio-system
spec:
  workloadSelector:
    labels: {{istio: ingressgateway}}
  configPatches:\n"
    )
}

fn istio_buffer(rendering: &Rendering) -> String {
    format!(
        "# Apply this first: it holds the headers back until eventguard has judged the whole body.
{}  - applyTo: HTTP_FILTER
    match:
      context: GATEWAY                # SIDECAR_INBOUND in front of a workload
      listener:
        filterChain:
          filter:
            name: envoy.filters.network.http_connection_manager
            subFilter: {{name: envoy.filters.http.router}}
    patch:
      operation: INSERT_BEFORE
      value:
{}",
        envoy_filter("eventguard-buffer"),
        indented(&buffer_filter(rendering), 8)
    )
}

fn wasm_plugin(rendering: &Rendering, url: &str) -> String {
    let variables: String =
        rendering.variables.iter().map(|name| format!("    - {{name: {}, valueFrom: HOST}}\n", quoted(name))).collect();
    let vm_config = if variables.is_empty() { variables } else { format!("  vmConfig:\n    env:\n{variables}") };
    format!(
        "apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata:
  name: eventguard
  namespace: istio-system
spec:
  selector:
    matchLabels: {{istio: ingressgateway}}
  url: {}
  imagePullPolicy: IfNotPresent
  pluginName: eventguard
  phase: AUTHZ
  failStrategy: FAIL_RELOAD
{vm_config}  pluginConfig:
{}",
        quoted(url),
        indented(&rendering.policy, 4)
    )
}

/// What Istio would make of a WasmPlugin, with the flag that WasmPlugin does not know.
fn istio_filter(rendering: &Rendering, url: &str) -> String {
    let code = format!("{{remote: {{http_uri: {{uri: {}, timeout: 30s, cluster: _}}}}}}", quoted(url));
    format!(
        "# Istio 1.27 (Envoy 1.35) or later: an older proxy refuses this, and then no filter judges.
{}  - applyTo: EXTENSION_CONFIG
    patch:
      operation: ADD
      value:
        name: eventguard
{}  - applyTo: HTTP_FILTER
    match:
      context: GATEWAY                # SIDECAR_INBOUND in front of a workload
      listener:
        filterChain:
          filter: {{name: envoy.filters.network.http_connection_manager}}
    patch:
      operation: INSERT_FIRST
      value:
        name: eventguard
        config_discovery:
          config_source:
            ads: {{}}
            initial_fetch_timeout: 0s
            resource_api_version: V3
          type_urls: [type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm]\n",
        envoy_filter("eventguard"),
        indented(&wasm_filter(rendering, &code), 8)
    )
}

/// A text in double quotes, as JSON and YAML both read it.
fn quoted(text: &str) -> String {
    super::printable(&serde_json::Value::from(text).to_string())
}

/// Every line moved right by `spaces`, with a line break behind the last.
fn indented(text: &str, spaces: usize) -> String {
    text.lines().map(|line| format!("{:spaces$}{line}\n", "")).collect()
}
