import ApusClient
import ClientEngine
import Foundation
import MessageFormat
import RemotingProtocol
import Synchronization
import Testing

@Suite("An idempotent handler")
struct IdempotentHandlerTests {
    private func directory() -> String {
        NSTemporaryDirectory() + "apus-handled-\(UUID().uuidString)"
    }

    private func message(_ id: String) throws -> ReceivedMessage {
        let reply = try PushedReply(
            ReceivedCommand(
                receiving: .request(
                    .pushReplyMessageToClient,
                    fields: [
                        "properties": "CORRELATION_ID\u{1}c\u{2}UNIQ_KEY\u{1}\(id)\u{2}",
                        "topic": "T",
                    ])))
        return ReceivedMessage(reply.message)
    }

    @Test("handles each message once, also when the process starts again")
    func once() async throws {
        let directory = self.directory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let handled = Mutex<[String]>([])
        for _ in 0..<2 {
            let handler = IdempotentHandler(store: try HandledFile(directory: directory)) {
                message in handled.withLock { $0.append(message.messageID) }
            }
            for id in ["a", "b", "a"] { _ = try await handler(self.message(id)) }
        }
        #expect(handled.withLock { $0 } == ["a", "b"])
    }

    @Test("a message whose handler throws is handled again")
    func failure() async throws {
        struct Problem: Error {}
        let directory = self.directory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let calls = Mutex(0)
        let handler = IdempotentHandler(store: try HandledFile(directory: directory)) { _ in
            if calls.withLock({ calls in
                calls += 1
                return calls == 1
            }) {
                throw Problem()
            }
        }
        await #expect(throws: Problem.self) { try await handler(self.message("a")) }
        let isNew = try await handler(self.message("a"))
        let isNewAgain = try await handler(self.message("a"))
        #expect(isNew && !isNewAgain)
    }

    @Test("deliveries of one message at the same time wait for each other")
    func together() async throws {
        let directory = self.directory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let store = try HandledFile(directory: directory)
        let calls = Mutex(0)
        let handler = IdempotentHandler(store: store) { _ in
            calls.withLock { $0 += 1 }
            await Task.yield()
        }
        let message = try self.message("a")
        await withTaskGroup { tasks in
            for _ in 0..<50 { tasks.addTask { _ = try? await handler(message) } }
        }
        #expect(calls.withLock { $0 } == 1)
    }

    private func known(_ store: HandledFile, _ keys: ClosedRange<Int>) async -> [Int] {
        var known: [Int] = []
        for key in keys where await store.contains("\(key)") { known.append(key) }
        return known
    }

    @Test("a store that was let go of can be opened again at once")
    func openedAgain() async throws {
        let directory = self.directory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        for number in 0..<300 {
            let store = try HandledFile(directory: directory)
            try await store.insert("\(number)")
        }
    }

    @Test("the store keeps the newest keys, cuts off a torn end, and has one owner")
    func file() async throws {
        let directory = self.directory()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        do {
            let store = try HandledFile(directory: directory, keysMax: 10)
            for number in 0..<25 { try await store.insert("\(number)") }
            let known = await self.known(store, 0...24)
            #expect(known == Array(10...24))
            #expect(throws: ApusClientError.self) { try HandledFile(directory: directory) }
        }
        let path = "\(directory)/newer"
        let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        try bytes.dropLast(1).write(to: URL(fileURLWithPath: path))
        do {
            let store = try HandledFile(directory: directory, keysMax: 10)
            let known = await self.known(store, 0...24)
            #expect(known == Array(10...23))
            try await store.insert("25")
        }
        let store = try HandledFile(directory: directory, keysMax: 10)
        let known = await self.known(store, 0...25)
        #expect(known == Array(10...23) + [25])
    }
}
