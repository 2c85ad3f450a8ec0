//! Prints the contract's TypeScript as JSON, a list of [file name, text]. Run by `cargo xtask gen`.

fn main() -> Result<(), serde_json::Error> {
    serde_json::to_writer(std::io::stdout().lock(), &aftercall_app::contract::typescript())
}
