"""The module itself: what it costs to load, and what it asks of its host. A host that lacks one of these does not load it, and who
restricts what a filter may do (`capability_restriction_config`) reads them here."""

import local
from module import imports

# What src/filter/ calls.
CALLED = [
    "proxy_add_header_map_value",
    "proxy_call_foreign_function",
    "proxy_continue_stream",
    "proxy_define_metric",
    "proxy_done",
    "proxy_get_buffer_bytes",
    "proxy_get_header_map_pairs",
    "proxy_get_header_map_value",
    "proxy_get_property",
    "proxy_get_shared_data",
    "proxy_grpc_call",
    "proxy_http_call",
    "proxy_increment_metric",
    "proxy_log",
    "proxy_record_metric",
    "proxy_remove_header_map_value",
    "proxy_replace_header_map_value",
    "proxy_send_local_response",
    "proxy_set_buffer_bytes",
    "proxy_set_effective_context",
    "proxy_set_property",
    "proxy_set_shared_data",
    "proxy_set_tick_period_milliseconds",
]
# Never called: the SDK's `Context`, `RootContext` and `HttpContext` have methods with these in them, and objects of such a trait carry
# all of its methods.
CARRIED = [
    "proxy_close_stream",
    "proxy_dequeue_shared_queue",
    "proxy_enqueue_shared_queue",
    "proxy_get_current_time_nanoseconds",
    "proxy_get_status",
    "proxy_grpc_cancel",
    "proxy_grpc_close",
    "proxy_grpc_send",
    "proxy_grpc_stream",
    "proxy_register_shared_queue",
    "proxy_resolve_shared_queue",
    "proxy_set_header_map_pairs",
]
# What std has for the clock (filter/host.rs), the environment (secrets), seeds, and a panic's last words. No file, no socket.
WASI = ["clock_time_get", "environ_get", "environ_sizes_get", "fd_write", "proc_exit", "random_get"]


def test_the_module_asks_of_its_host_what_is_listed_here_and_no_more():
    assert imports(local.MODULE) == {"env": sorted(CALLED + CARRIED), "wasi_snapshot_preview1": WASI}


def test_the_module_is_under_a_megabyte_and_a_half():
    """It costs its users half a second of start per megabyte, ten times that on a small sidecar."""
    assert local.MODULE.stat().st_size < 1_500_000
