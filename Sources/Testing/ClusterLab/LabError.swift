/// Why the lab could not do what it was asked.
package struct LabError: Error, Hashable, CustomStringConvertible, Sendable {
    package enum Kind: Hashable, Sendable {
        /// The arguments make no sense: exit code 64, as `sysexits.h` has it.
        case usage
        /// The cluster or a node refused, died or was too slow.
        case failed
        /// The user pressed Ctrl-C, or somebody sent SIGTERM.
        case interrupted
    }

    package var kind: Kind
    package var description: String

    package static func usage(_ description: String) -> LabError {
        LabError(kind: .usage, description: description)
    }

    package static func failed(_ description: String) -> LabError {
        LabError(kind: .failed, description: description)
    }

    package static let interrupted = LabError(kind: .interrupted, description: "interrupted")

    package var exitCode: Int32 {
        switch self.kind {
        case .usage: 64
        case .failed: 1
        case .interrupted: 130
        }
    }
}
