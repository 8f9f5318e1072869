import Dispatch
import Synchronization

/// Gathers keys that come while others are being written, so that one flush serves them all.
final class HandledInbox<Failure: Error>: Sendable {
    typealias Write = @Sendable ([String]) -> Result<Void, Failure>
    private typealias Entry = (
        key: String, waiting: CheckedContinuation<Result<Void, Failure>, Never>
    )

    /// The thread on which stores use their files.
    let queue = DispatchQueue(label: "apus.handled")
    private let entries = Mutex<[Entry]>([])

    /// Returns when the key is written. `write` must not keep the store, which those that wait keep
    /// anyway: who lets go of it after this call finds its files closed.
    func insert(_ key: String, _ write: @escaping Write) async throws(Failure) {
        let result = await withCheckedContinuation { waiting in
            let isFirst = self.entries.withLock { entries in
                entries.append((key, waiting))
                return entries.count == 1
            }
            if isFirst { self.queue.async { self.writeAll(write) } }
        }
        try result.get()
    }

    private func writeAll(_ write: Write) {
        let entries = self.entries.withLock { entries in
            var taken: [Entry] = []
            swap(&taken, &entries)
            return taken
        }
        let result = write(entries.map(\.key))
        for entry in entries { entry.waiting.resume(returning: result) }
    }
}
