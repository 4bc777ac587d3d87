//! Emits the linker flags an addon needs on each platform.

fn main() {
    napi_build::setup();
}
