//! The live view in a terminal: drawn over itself twice a second, where something is new.

use std::cell::RefCell;
use std::convert::Infallible;
use std::io::{self, Write};
use std::time::Duration;

use super::live::Live;

const PAUSE: Duration = Duration::from_millis(500);

/// Draws until the process ends, or its output does.
pub async fn draw(live: &RefCell<Live>, output: &mut dyn Write) -> io::Result<Infallible> {
    let (mut drawn, mut height) = (None, 0);
    loop {
        let total = live.borrow().total();
        if drawn != Some(total) {
            let view = live.borrow().view();
            output.write_all(over(&view, height).as_bytes())?;
            output.flush()?;
            (drawn, height) = (Some(total), view.lines().count());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The view in the place of one of so many lines (ECMA-48: cursor up, erase to the end). Lines that are longer than the terminal is wide
/// are cut by it, so that they stay one line.
fn over(view: &str, height: usize) -> String {
    let up = if height > 0 { format!("\x1b[{height}A") } else { String::new() };
    format!("{up}\x1b[J\x1b[?7l{view}\x1b[?7h")
}
