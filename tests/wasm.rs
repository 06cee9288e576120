//! The core under Node: the same code that a proxy's V8 runs, without a clock, randomness or I/O of its own. `make test-node`.
#![cfg(all(target_arch = "wasm32", target_os = "unknown"))]

use eventguard::call::Head;
use wasm_bindgen_test::wasm_bindgen_test;

#[wasm_bindgen_test]
fn a_head_is_read_as_it_is_natively() {
    let map = [(":method", "POST"), (":authority", "bus"), (":path", "/e")];
    let head = Head::from_map(map.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).to_vec());
    assert_eq!(head.map(|head| head.path().to_owned()), Ok("/e".to_owned()));
}
