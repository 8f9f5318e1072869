extension FuzzTarget {
    /// Those that need no core, no engine and no shell.
    ///
    /// A fuzzer looks after each input at the counters of all code that it is linked with. These
    /// are linked with little else than what they read, and run several times as often. So their
    /// files name nothing of the other targets.
    package static let decoders: [FuzzTarget] = [
        frame, jsonHeader, binaryHeader, message, messageBatch, properties, jsonBody,
    ]
}
