/// Something that reads bytes of strangers, and how to feed it.
///
/// Whatever the bytes, `run` returns: it traps where a decoder traps, reads outside of its bytes, or
/// breaks a rule that holds for all input (what was decoded can be encoded; however a stream is cut,
/// the same comes out). Two things drive it: libFuzzer (`Tests/Fuzzing/run`) and, for some thousands
/// of seeded mutations, `swift test`.
package struct FuzzTarget: Sendable {
    package let name: String
    /// What honest peers send, made by our own encoders: mutation starts from these.
    package let seeds: @Sendable () -> [[UInt8]]
    package let run: @Sendable (UnsafeRawBufferPointer) -> Void

    package init(
        name: String, seeds: @escaping @Sendable () -> [[UInt8]],
        run: @escaping @Sendable (UnsafeRawBufferPointer) -> Void
    ) {
        self.name = name
        self.seeds = seeds
        self.run = run
    }

    package func run(_ bytes: [UInt8]) { bytes.withUnsafeBytes { self.run($0) } }
}

/// What holds for all input, or the process ends and the input is kept.
package func demand(_ holds: Bool, _ rule: @autoclosure () -> String) {
    if !holds { fatalError(rule()) }
}
