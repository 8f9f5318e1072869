import Logging
import MessageFormat
import NIOCore
import Synchronization

/// Sends trace records, some at a time, from a producer of its own.
///
/// Whoever adds one never waits: what cannot be sent as fast as it comes is dropped and counted.
final class TraceWriter: Sendable {
    private struct State {
        var waiting: [TraceRecord] = []
        var isSending = false
        var dropped = 0
    }

    /// Of one message; the protocol allows 128,000 bytes.
    private static let recordsMax = 100
    private static let textBytesMax = 100_000

    private let options: TraceOptions
    private let producer: Producer
    private let logger: Logger
    private let state = Mutex(State())

    /// - Parameter role: `PRODUCE` or `CONSUME`.
    init?(_ configuration: ApusClient.Configuration, group: String, role: String) {
        guard let options = configuration.trace else { return nil }
        self.options = options
        self.logger = configuration.logger
        // The records' own way is not traced, and no namespace hides it from tools.
        var configuration = configuration
        configuration.trace = nil
        configuration.namespace = nil
        var producing = Producer.Options()
        producing.group = "_INNER_TRACE_PRODUCER-\(group)-\(role)-1"
        producing.deadline = .seconds(5)
        self.producer = Producer(configuration, options: producing)
    }

    /// From any thread.
    func add(_ record: TraceRecord) {
        let mustSend = self.state.withLock { state in
            guard state.waiting.count < max(self.options.recordsMax, 1) else {
                state.dropped += 1
                return false
            }
            state.waiting.append(record)
            if state.isSending { return false }
            state.isSending = true
            return true
        }
        if mustSend { Task { await self.sendSoon() } }
    }

    private func sendSoon() async {
        try? await Task.sleep(for: self.options.interval)
        while let records = self.nextRecords() { await self.send(records) }
    }

    /// Nil when nothing waits: then nobody is sending any more.
    private func nextRecords() -> [TraceRecord]? {
        let (records, dropped) = self.state.withLock { state -> ([TraceRecord]?, Int) in
            let records = Array(state.waiting.prefix(Self.recordsMax))
            state.waiting.removeFirst(records.count)
            state.isSending = !records.isEmpty
            defer { state.dropped = 0 }
            return (records.isEmpty ? nil : records, state.dropped)
        }
        if dropped > 0 { self.report(dropped, because: "they came faster than they could be sent") }
        return records
    }

    private func send(_ records: [TraceRecord]) async {
        var text = ""
        var keys: Set<String> = []
        for record in records where text.utf8.count < Self.textBytesMax {
            text += record.text
            keys.formUnion(record.searchKeys)
        }
        do throws(ApusClientError) {
            let message = Message(topic: self.options.topic, body: text, keys: keys.sorted())
            try await self.producer.send(message)
        } catch {
            self.report(records.count, because: "\(error)")
        }
    }

    private func report(_ count: Int, because reason: String) {
        self.logger.warning(
            "trace records are lost", metadata: ["records": "\(count)", "reason": "\(reason)"])
    }

    /// Sends what waits; then nothing is sent any more.
    func close() async {
        while let records = self.nextRecords() { await self.send(records) }
        await self.producer.close()
    }

    /// Names one handling of a message.
    func newRequestID() -> String { self.producer.newID() }
}

extension TraceRecord {
    /// What the message that carries the record can be found by.
    fileprivate var searchKeys: [String] {
        let keys =
            switch self {
            case .sent(let record): record.keys
            case .received(let record): record.keys
            case .handled(let record): record.keys
            case .transactionEnded(let record): record.keys
            case .recalled: ""
            }
        return [self.messageID] + keys.split(separator: " ").map(String.init)
    }
}
