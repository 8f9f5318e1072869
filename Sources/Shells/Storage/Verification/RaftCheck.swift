import MessageFormat

/// Reads a stopped controller's directory with what the controller reads it with, and changes
/// nothing.
package enum RaftCheck {
    package static func isStore(_ directory: String) -> Bool {
        [RaftIdentity.fileName, RaftLogFile.fileName]
            .contains { Directory.exists("\(directory)/\($0)") }
    }

    package static func run(_ directory: String) throws(StoreCheckFailure) -> StoreReport {
        guard Self.isStore(directory) else { throw .notAStore(directory) }
        let lock = try OpenFile.lockToRead("\(directory)/\(RaftStore.lockName)")
        defer { withExtendedLifetime(lock) {} }
        var report = StoreReport(.controller, of: directory)
        let names = try StoreCheckFailure.reading { () throws(StorageError) in
            try Directory.names(in: directory)
        }
        report.files = names
        for name in names where !Self.names.contains(name) {
            report.note(
                name.hasSuffix(Directory.temporarySuffix)
                    ? "\(name): left by a write that a crash cut off; it means nothing"
                    : "\(name): no file of a controller; it was not looked at")
        }
        let identity = Self.identity(in: directory, &report)
        let snapshot = Self.reading(RaftSnapshotFile.fileName, &report) {
            () throws(RaftStoreError) in try RaftSnapshotFile.read(in: directory)
        }
        guard let snapshot else { return report }
        let log = Self.reading(RaftLogFile.fileName, &report) { () throws(RaftStoreError) in
            try RaftLogFile.read(in: directory, snapshot: snapshot)
        }
        guard let log else { return report }
        report.raft = RaftFacts(
            group: identity?.group ?? "", node: identity?.node ?? "",
            term: log.stored.hardState.term, snapshotIndex: snapshot?.index,
            entries: log.stored.entries.count,
            lastIndex: log.stored.entries.last?.index ?? log.stored.base.index,
            tornBytes: log.tornBytes)
        return report
    }

    private static let names: Set<String> = [
        RaftStore.lockName, RaftIdentity.fileName, RaftLogFile.fileName, RaftSnapshotFile.fileName,
    ]

    private static let means =
        "the controller does not start; restore the file from a copy, or give it an empty "
        + "directory while a majority of the others runs"

    private static func identity(in directory: String, _ report: inout StoreReport) -> RaftIdentity?
    {
        guard Directory.exists("\(directory)/\(RaftIdentity.fileName)") else {
            report.found(
                StoreDamage(RaftIdentity.fileName, "the file is missing", means: Self.means))
            return nil
        }
        return Self.reading(RaftIdentity.fileName, &report) { () throws(RaftStoreError) in
            try RaftIdentity.read("\(directory)/\(RaftIdentity.fileName)")
        }
    }

    /// Nil when the file is damaged, which is told.
    private static func reading<R>(
        _ name: String, _ report: inout StoreReport, _ body: () throws(RaftStoreError) -> R
    ) -> R? {
        do throws(RaftStoreError) {
            return try body()
        } catch {
            let position: Int64? =
                if case .damaged(_, let position, _) = error { Int64(position) } else { nil }
            report.found(
                StoreDamage(name, at: position, Self.reason(of: error), means: Self.means))
            return nil
        }
    }

    private static func reason(of error: RaftStoreError) -> String {
        if case .damaged(_, _, let reason) = error { reason } else { "\(error)" }
    }
}
