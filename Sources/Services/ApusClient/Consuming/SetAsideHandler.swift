import ClientEngine
import MessageFormat
import RemotingProtocol
import Synchronization

/// Handles messages, and after a number of failures keeps a message in a local file and counts it
/// as done with, so that one bad message neither comes for ever nor is lost.
///
/// ```swift
/// let handler = SetAsideHandler(file: "/var/lib/billing/set-aside.jsonl", failuresMax: 3) {
///     try await bill($0)
/// }
/// await consumer.run(handler: handler.handle)
/// ```
///
/// The file has one line of JSON per message, with its body in base 64, and is on disk before the
/// message counts as done with. If it cannot be written, the message fails once more.
public final class SetAsideHandler: Sendable {
    private struct Failures {
        var counts: [String: Int] = [:]
        /// Ids in the order in which they failed first: old ones are forgotten.
        var order: [String] = []
    }

    /// Messages whose failures are remembered. One that is forgotten begins anew, but for the
    /// redeliveries that its broker has counted.
    private static let rememberedMax = 10_000

    private let file: String
    private let failuresMax: Int
    private let handler: @Sendable (ReceivedMessage) async throws -> Void
    private let failures = Mutex(Failures())
    private let writing = Mutex(())

    /// - Parameter failuresMax: with this many failures a message is set aside.
    public init(
        file: String, failuresMax: Int = 3,
        handler: @escaping @Sendable (ReceivedMessage) async throws -> Void
    ) {
        self.file = file
        self.failuresMax = max(failuresMax, 1)
        self.handler = handler
    }

    /// For `PushConsumer.run` and `runOrderly`.
    ///
    /// - Throws: what the handler threw, unless the message was set aside.
    public func handle(_ message: ReceivedMessage) async throws {
        do {
            try await self.handler(message)
            self.forget(message.messageID)
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            let count = self.failed(message)
            guard count >= self.failuresMax else { throw error }
            try self.setAside(message, failures: count, error: "\(error)")
            self.forget(message.messageID)
        }
    }

    private func failed(_ message: ReceivedMessage) -> Int {
        self.failures.withLock { failures in
            let id = message.messageID
            if failures.counts[id] == nil {
                failures.order.append(id)
                if failures.order.count > Self.rememberedMax {
                    failures.counts[failures.order.removeFirst()] = nil
                }
            }
            let count = max(failures.counts[id, default: 0], message.reconsumeTimes) + 1
            failures.counts[id] = count
            return count
        }
    }

    private func forget(_ id: String) {
        self.failures.withLock { failures in
            guard failures.counts.removeValue(forKey: id) != nil else { return }
            failures.order.removeAll { $0 == id }
        }
    }

    private func setAside(_ message: ReceivedMessage, failures: Int, error: String) throws {
        let record: JSONValue = [
            "bornTimestamp": .integer(message.bornTimestamp),
            "body": .string(Base64.text(of: message.body)),
            "error": .string(error),
            "failures": .integer(Int64(failures)),
            "messageID": .string(message.messageID),
            "properties": .object(
                message.inbound.properties.pairs.map { JSONMember($0.name, .string($0.value)) }),
            "queue": .string("\(message.queue)"),
            "queueOffset": .integer(message.queueOffset),
            "time": .integer(SystemClock.wall().milliseconds),
            "topic": .string(message.topic),
        ]
        let line = record.encoded + [UInt8(ascii: "\n")]
        try self.writing.withLock { _ in try LocalFile.append(line, to: self.file) }
    }
}

enum Base64 {
    private static let digits = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func text(of bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let part = bytes[start..<min(start + 3, bytes.count)]
            let padded = part + [UInt8](repeating: 0, count: 3 - part.count)
            let bits = padded.reduce(0) { $0 << 8 | Int($1) }
            for place in 0..<4 {
                let digit = Self.digits[bits >> (18 - 6 * place) & 63]
                text.append(place <= part.count ? digit : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
