/// Why a member's disk cannot be used, or can be used no more.
package enum RaftStoreError: Error, Hashable, Sendable {
    case disk(StorageError)
    /// Another process has the directory open.
    case locked(path: String)
    /// Bytes that were durable are not what they were.
    case damaged(path: String, position: Int, reason: String)
    /// The directory belongs to another member or another group.
    case foreign(path: String, reason: String)
    /// An earlier write failed: what is on disk is not known any more.
    case failed
}

extension RaftStoreError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .disk(let error): "\(error)"
        case .locked(let path): "\(path) is locked: one controller per directory"
        case .damaged(let path, let position, let reason):
            "\(path) is damaged at byte \(position): \(reason). Do not delete it: this member has "
                + "voted and confirmed; restore the directory, or remove the member from its "
                + "group and add it again under a new name"
        case .foreign(let path, let reason): "\(path) belongs to somebody else: \(reason)"
        case .failed: "an earlier write to the Raft log failed"
        }
    }

    /// Runs calls of this module's files.
    static func onDisk<R>(_ body: () throws(StorageError) -> R) throws(RaftStoreError) -> R {
        do throws(StorageError) { return try body() } catch { throw .disk(error) }
    }
}
