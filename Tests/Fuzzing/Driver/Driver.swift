import HostileInput

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

// libFuzzer's own `main` calls these two.

/// The target that the environment names.
private let target: FuzzTarget? = getenv("APUS_FUZZ_TARGET").flatMap {
    FuzzTarget.named(String(cString: $0))
}

/// With `APUS_FUZZ_SEEDS` it writes the target's seeds there and ends; with `APUS_FUZZ_LIST` it
/// names all targets.
@_cdecl("LLVMFuzzerInitialize")
public func initialize(
    _ count: UnsafeMutablePointer<CInt>?, _ arguments: UnsafeMutableRawPointer?
) -> CInt {
    if getenv("APUS_FUZZ_LIST") != nil {
        print(FuzzTarget.all.map(\.name).joined(separator: "\n"))
        exit(0)
    }
    guard let target else { fatalError("APUS_FUZZ_TARGET names no target") }
    guard let directory = getenv("APUS_FUZZ_SEEDS") else { return 0 }
    for (number, seed) in target.seeds().enumerated() {
        write(seed, to: "\(String(cString: directory))/seed-\(number)")
    }
    exit(0)
}

@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    target?.run(UnsafeRawBufferPointer(start: start, count: count))
    return 0
}

private func write(_ bytes: [UInt8], to path: String) {
    guard let file = fopen(path, "wb") else { fatalError("cannot write \(path)") }
    fwrite(bytes, 1, bytes.count, file)
    fclose(file)
}
