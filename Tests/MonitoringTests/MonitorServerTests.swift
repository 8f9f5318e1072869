import Glibc
import Logging
import MetricsFormat
import Monitoring
import NIOCore
import NIOPosix
import TestSupport
import Testing

@Suite("a server tells over HTTP how it is", .realTime)
struct MonitorServerTests {
    @Test("health, readiness and metrics, one after the other on one connection")
    func pages() async throws {
        try await Self.withServer(Told(readiness: .ready("all is well"))) { web in
            let answers = try await web.ask(
                "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
                "GET /readyz?verbose HTTP/1.1\r\nHost: x\r\n\r\n",
                "HEAD /readyz HTTP/1.1\r\nHost: x\r\n\r\n",
                "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            #expect(answers.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(answers.contains("\r\n\r\nok\n"))
            #expect(answers.contains("\r\n\r\nready: all is well\n"))
            #expect(answers.matches(of: /HTTP\/1.1 200 OK/).count == 4)
            #expect(answers.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"))
            #expect(answers.contains("# TYPE told gauge\ntold 7\n"))
            #expect(answers.contains("\nprocess_resident_memory_bytes "))
        }
    }

    @Test("a server that is not ready says why, with 503")
    func notReady() async throws {
        try await Self.withServer(Told(readiness: .notReady("the disk is full"))) { web in
            let answer = try await web.ask("GET /readyz HTTP/1.0\r\n\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 503 Service Unavailable\r\n"))
            #expect(answer.hasSuffix("\r\n\r\nnot ready: the disk is full\n"))
        }
    }

    @Test("a server whose loops hang is told of, and the next request is answered again")
    func hanging() async throws {
        let (never, end) = AsyncStream.makeStream(of: Void.self)
        defer { end.finish() }
        let told = Told(readiness: .ready(""), waits: never)
        try await Self.withServer(told) { web in
            let answer = try await web.ask("GET /healthz HTTP/1.0\r\n\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 503 Service Unavailable\r\n"))
            #expect(answer.contains("has not answered for"))
            let other = try await web.ask("GET /readyz HTTP/1.0\r\n\r\n")
            #expect(other.hasPrefix("HTTP/1.1 200 OK\r\n"))
        }
    }

    @Test(
        "anything else gets a clear answer",
        arguments: [
            ("GET / HTTP/1.0\r\n\r\n", "404 Not Found"),
            ("GET /metrics/.. HTTP/1.0\r\n\r\n", "404 Not Found"),
            ("POST /metrics HTTP/1.0\r\n\r\n", "405 Method Not Allowed"),
            ("DELETE /healthz HTTP/1.0\r\n\r\n", "405 Method Not Allowed"),
            ("GET /healthz HTTP/1.0\r\nContent-Length: 4\r\n\r\nbody", "413 Payload Too Large"),
            ("\u{1}\u{2}\u{3}\u{4}\r\n\r\n", "400 Bad Request"),
        ])
    func otherwise(request: String, status: String) async throws {
        try await Self.withServer(Told(readiness: .ready(""))) { web in
            let answer = try await web.ask(request)
            #expect(answer.hasPrefix("HTTP/1.1 \(status)\r\n"))
        }
    }

    @Test("an endless head and a head that never ends only cost their sender")
    func endless() async throws {
        var limits = MonitorLimits()
        limits.requestTime = .milliseconds(50)
        try await Self.withServer(Told(readiness: .ready("")), limits) { web in
            let long = "GET /healthz HTTP/1.1\r\nX: " + String(repeating: "x", count: 20_000)
            let tooLong = try await web.ask(long)
            #expect(tooLong == "")
            let unfinished = try await web.ask("GET /healthz HTTP/1.1\r\nHost:")
            #expect(unfinished == "")
            let whole = try await web.ask("GET /healthz HTTP/1.0\r\n\r\n")
            #expect(whole.hasSuffix("ok\n"))
        }
    }

    @Test("connections beyond the limit are closed, and there is room again when one ends")
    func crowd() async throws {
        var limits = MonitorLimits()
        limits.connectionsMax = 1
        limits.idleTime = .milliseconds(100)
        try await Self.withServer(Told(readiness: .ready("")), limits) { web in
            async let idle = web.ask("")
            var answer = ""
            // The idle one is closed after its time; who comes before is refused.
            while !answer.hasSuffix("ok\n") {
                answer = (try? await web.ask("GET /healthz HTTP/1.0\r\n\r\n")) ?? ""
            }
            let nothing = try await idle
            #expect(nothing == "")
        }
    }

    @Test("a port that an operator chose must be free; without the usual one a server goes on")
    func takenPort() async throws {
        try await Self.withServer(Told(readiness: .ready(""))) { web in
            let taken = MonitorAddress(port: .chosen(web.port))
            await #expect(throws: MonitorError.self) {
                try await MonitorServer.start(
                    at: taken, source: Told(readiness: .ready("")), logger: Self.logger)
            }
            let usual = try await MonitorServer.start(
                at: MonitorAddress(port: .usual(web.port)), source: Told(readiness: .ready("")),
                logger: Self.logger)
            #expect(usual == nil)
        }
        let off = try await MonitorServer.start(
            at: .off, source: Told(readiness: .ready("")), logger: Self.logger)
        #expect(off == nil)
    }

    @Test("a port is free when its server has closed, even if a starting child has a copy of it")
    func inheritedSocket() async throws {
        var closed = 0
        var copy: Int32 = -1
        defer { close(copy) }
        try await Self.withServer(Told(readiness: .ready(""))) { web in
            closed = web.port
            copy = try #require(copyOfListener(on: web.port))
        }
        try await Self.withServer(Told(readiness: .ready("")), port: closed) { web in
            let answer = try await web.ask("GET /healthz HTTP/1.0\r\n\r\n")
            #expect(answer.hasSuffix("ok\n"))
        }
    }

    // MARK: The world around

    private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private static func withServer(
        _ source: Told, _ limits: MonitorLimits = MonitorLimits(), port: Int = 0,
        _ use: (Web) async throws -> Void
    ) async throws {
        let server = try #require(
            try await MonitorServer.start(
                at: MonitorAddress(port: .chosen(port)), source: source, limits: limits,
                logger: Self.logger))
        let result = await Result { try await use(Web(port: server.port)) }
        await server.close()
        try result.get()
    }
}

/// A server that says what the test wants.
private struct Told: MonitorSource {
    var readiness: Readiness
    /// What its loops wait for before they turn.
    var waits: AsyncStream<Void>?

    func turned() async {
        guard let waits = self.waits else { return }
        for await _ in waits {}
    }

    func readiness() async -> Readiness { self.readiness }

    func metrics() async -> MetricPage {
        var page = MetricPage()
        page.gauge("told", "What the test said.", MetricSample(7))
        return page
    }
}

/// Whoever asks: sends bytes, and reads until the other side closes.
private struct Web: Sendable {
    let port: Int

    func ask(_ requests: String...) async throws -> String {
        let answer = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connect(host: "127.0.0.1", port: self.port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                        wrappingChannelSynchronously: channel)
                }
            }
        return try await answer.executeThenClose { inbound, outbound in
            for request in requests where !request.isEmpty {
                try? await outbound.write(ByteBuffer(string: request))
            }
            var text = ""
            do {
                for try await bytes in inbound { text += String(buffer: bytes) }
            } catch {}  // a connection that was reset says no more than one that was closed
            return text
        }
    }
}

extension Result where Failure == any Error {
    fileprivate init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
