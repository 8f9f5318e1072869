import ApusClient
import Foundation
import Testing

private let hasSQLite = (try? HandledDatabase(file: ":memory:")) != nil

@Suite("Handled keys in an SQLite file", .enabled(if: hasSQLite))
struct HandledDatabaseTests {
    /// A path of its own, and what SQLite puts beside it, removed afterwards.
    private func withFile(_ body: (String) async throws -> Void) async throws {
        let directory = NSTemporaryDirectory() + "apus-database-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try await body("\(directory)/handled.db")
    }

    @Test("what was inserted is there, also for another process and the next one")
    func remembers() async throws {
        try await self.withFile { file in
            do {
                let store = try HandledDatabase(file: file)
                let other = try HandledDatabase(file: file)
                #expect(try await !store.contains("o-17"))
                try await store.insert("o-17")
                try await store.insert("o-17")
                #expect(try await store.contains("o-17"))
                #expect(try await other.contains("o-17"))
                try await other.insert("ö'; DROP TABLE apus_handled; --")
            }
            let next = try HandledDatabase(file: file)
            #expect(try await next.contains("o-17"))
            #expect(try await next.contains("ö'; DROP TABLE apus_handled; --"))
            #expect(try await !next.contains("o-1"))
        }
    }

    @Test("many inserts at once all get through, from two stores on one file")
    func manyAtOnce() async throws {
        try await self.withFile { file in
            let stores = [try HandledDatabase(file: file), try HandledDatabase(file: file)]
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<400 {
                    group.addTask { try await stores[number % 2].insert("key \(number)") }
                }
                try await group.waitForAll()
            }
            for number in 0..<400 {
                #expect(try await stores[(number + 1) % 2].contains("key \(number)"))
            }
        }
    }

    @Test("keys that are older than they are kept for are forgotten")
    func forgets() async throws {
        try await self.withFile { file in
            try await HandledDatabase(file: file).insert("old")
            // A negative time makes everything old: nothing has to be waited for.
            let store = try HandledDatabase(file: file, keptFor: .seconds(-60))
            try await store.insert("new")
            #expect(try await !store.contains("old"))
        }
    }

    @Test("a file that is no database is refused, with its name")
    func refuses() async throws {
        try await self.withFile { file in
            try Data(repeating: 7, count: 4_096).write(to: URL(fileURLWithPath: file))
            let error = #expect(throws: ApusClientError.self) { try HandledDatabase(file: file) }
            #expect(error?.code == .invalidArgument)
            #expect(error?.message.contains(file) == true)
        }
    }
}
