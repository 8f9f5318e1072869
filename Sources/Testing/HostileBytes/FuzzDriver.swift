#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// What a fuzzer does with the targets that it is linked with; the environment says which one.
package struct FuzzDriver: Sendable {
    private let targets: [FuzzTarget]
    private let target: FuzzTarget?

    package init(_ targets: [FuzzTarget]) {
        let name = getenv("APUS_FUZZ_TARGET").map { String(cString: $0) }
        self.targets = targets
        self.target = targets.first { $0.name == name }
    }

    /// With `APUS_FUZZ_LIST` it names all targets, with `APUS_FUZZ_SEEDS` it writes the target's
    /// seeds there; both end the process.
    package func begin() {
        if getenv("APUS_FUZZ_LIST") != nil {
            print(self.targets.map(\.name).joined(separator: "\n"))
            exit(0)
        }
        guard let target = self.target else { fatalError("APUS_FUZZ_TARGET names no target") }
        guard let directory = getenv("APUS_FUZZ_SEEDS") else { return }
        for (number, seed) in target.seeds().enumerated() {
            self.write(seed, to: "\(String(cString: directory))/seed-\(number)")
        }
        exit(0)
    }

    package func run(_ start: UnsafePointer<UInt8>?, _ count: Int) {
        self.target?.run(UnsafeRawBufferPointer(start: start, count: count))
    }

    private func write(_ bytes: [UInt8], to path: String) {
        guard let file = fopen(path, "wb") else { fatalError("cannot write \(path)") }
        fwrite(bytes, 1, bytes.count, file)
        fclose(file)
    }
}
