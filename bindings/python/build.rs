//! Gives the extension module the stand-ins that the shared library has (see the C files in `src/rd` of kafka_rs), and hides
//! all that it is linked from: a process may hold another librdkafka.

fn main() {
    // kafka_rs says which functions those stand in for.
    let wrapped = std::env::var("DEP_KAFKA_RS_WRAPPED").expect("kafka_rs's build script ran");
    for name in wrapped.split(' ') {
        println!("cargo::rustc-cdylib-link-arg=-Wl,--wrap={name}");
    }
    println!("cargo::rustc-cdylib-link-arg=-Wl,--exclude-libs,ALL");
    println!("cargo::rerun-if-changed=build.rs");
}
