import Glibc
import Listening
import Logging
import NIOCore
import NIOPosix
import TestSupport
import Testing

@Suite("When nobody more can be accepted", .realTime)
struct AcceptPauseTests {
    /// Whether a listener goes on after these errors of its accept.
    private static func isAccepting(after errors: [Int32], _ lines: LogLines) async throws -> Bool {
        let channel = try await ServerBootstrap.listener(
            on: MultiThreadedEventLoopGroup.singleton, acceptPause: .seconds(600),
            logger: lines.logger
        ).bind(host: "127.0.0.1", port: 0).get()
        let isAccepting = try await channel.eventLoop.submit {
            for error in errors {
                channel.pipeline.fireErrorCaught(IOError(errnoCode: error, reason: "accept"))
            }
            return try channel.syncOptions?.getOption(.autoRead)
        }.get()
        try await channel.stopListening().get()
        return isAccepting == true
    }

    @Test(
        "without files or memory for one more a listener rests, and says so once",
        arguments: [EMFILE, ENFILE, ENOBUFS, ENOMEM])
    func rests(error: Int32) async throws {
        let lines = LogLines()
        let isAccepting = try await Self.isAccepting(after: [error, error, error], lines)
        #expect(!isAccepting)
        #expect(lines.all.count == 1)
        #expect(
            lines.all.first?.hasPrefix("[ListeningTests] accepting rests count=1 error=") == true)
    }

    @Test("a peer that has gone before it was accepted keeps nobody waiting")
    func aborted() async throws {
        let lines = LogLines()
        let isAccepting = try await Self.isAccepting(after: [ECONNABORTED], lines)
        #expect(isAccepting)
        #expect(lines.all == [])
    }
}

@Suite("Lines that strangers cause")
struct SparseReportTests {
    @Test("come once in ten seconds, with their count")
    func count() {
        var report = SparseReport()
        let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
        #expect(report.note(1, at: start) == 1)
        let early = (0..<1_000).compactMap { _ in report.note(2, at: start + .seconds(5)) }
        #expect(early == [])
        #expect(report.note(1, at: start + .seconds(10)) == 2_001)
    }
}
