import NIOCore
import RemotingProtocol
import RemotingTransport
import Synchronization
import TestSupport
import Testing

@Suite("What a client is told when there is no answer", .realTime)
struct ClientFailureTests {
    private let patience = Duration.seconds(20)

    @Test("a call without an answer times out, and the late answer disturbs nobody")
    func timeout() async throws {
        let late = Mutex<[ReceivedCommand]>([])
        let delegate = TestServer { commands, connection in
            for command in commands {
                if command.string("name") == "ignored" {
                    late.withLock { $0.append(command) }
                } else {
                    for command in late.withLock({ $0 }) { connection.send(command.echoed) }
                    connection.send(command.echoed)
                }
            }
        }
        try await withClient(of: delegate) { client, address in
            _ = try await client.call(request("connected"), to: address, timeout: patience)
            let limit = Duration.milliseconds(300)
            let error = RemotingError.timedOut(
                address: address, after: limit, requestWasSent: true)
            await #expect(throws: error) {
                try await client.call(request("ignored"), to: address, timeout: limit)
            }
            let answer = try await client.call(request("b"), to: address, timeout: patience)
            #expect(answer.string("name") == "b")
            #expect(delegate.connectionsEver == 1)
        }
    }

    @Test("a short deadline does not wait for a longer one that was there before")
    func mixedTimeouts() async throws {
        let delegate = TestServer.silent()
        try await withClient(of: delegate) { client, address in
            let long = Task { [patience] in
                try await client.call(request(), to: address, timeout: patience)
            }
            #expect(await delegate.nextBurst() == 1)
            let limit = Duration.milliseconds(30)
            let waited = await ContinuousClock().measure {
                _ = try? await client.call(request(), to: address, timeout: limit)
            }
            #expect(waited >= limit)
            #expect(waited < patience / 2)
            long.cancel()
        }
    }

    @Test("a call whose time is over before it is handed on was not sent")
    func expiredUnsent() async throws {
        try await withClient(of: .echo()) { client, address in
            let error = RemotingError.timedOut(
                address: address, after: .zero, requestWasSent: false)
            await #expect(throws: error) {
                try await client.call(request(), to: address, timeout: .zero)
            }
        }
    }

    @Test("when the server closes, pending calls fail at once and the next call connects anew")
    func serverCloses() async throws {
        let delegate = TestServer { commands, connection in
            for command in commands {
                if command.string("name") == "close" {
                    connection.close()
                } else if command.string("name") == "echo" {
                    connection.send(command.echoed)
                }
            }
        }
        let closed = Mutex<[String]>([])
        let onClosed = { @Sendable (address: String) in closed.withLock { $0.append(address) } }
        try await withClient(of: delegate, onClosed: onClosed) { client, address in
            let error = RemotingError.connectionClosed(address: address, requestWasSent: true)
            await withTaskGroup { group in
                for name in ["wait", "wait", "close"] {
                    group.addTask {
                        await #expect(throws: error) {
                            try await client.call(
                                request(name), to: address, timeout: self.patience)
                        }
                    }
                }
            }
            _ = try await client.call(request("echo"), to: address, timeout: patience)
            #expect(closed.withLock { $0 } == [address])
            #expect(delegate.connectionsEver == 2)
        }
    }

    @Test("where nobody listens, the call fails and nothing was sent")
    func connectRefused() async throws {
        let deaf = try await RemotingServer.bind(
            host: "127.0.0.1", port: 0, group: loops, delegate: TestServer.silent(), logger: quiet)
        let address = "127.0.0.1:\(deaf.port)"
        await deaf.close()
        let client = RemotingClient(group: loops, logger: quiet)
        await #expect {
            try await client.call(request(), to: address, timeout: patience)
        } throws: { error in
            guard case .connectFailed(address, _) = error as? RemotingError else { return false }
            return true
        }
        await client.shutdown()
    }

    @Test("a text that is no address cannot be connected to", arguments: ["", "a", ":1", "a:b"])
    func badAddress(text: String) async throws {
        let client = RemotingClient(group: loops, logger: quiet)
        let error = RemotingError.connectFailed(
            address: text, reason: "not an address of host:port")
        await #expect(throws: error) {
            try await client.call(request(), to: text, timeout: patience)
        }
        await client.shutdown()
    }

    @Test("a server that answers nonsense is left, and the caller learns why")
    func nonsense() async throws {
        let delegate = TestServer { _, connection in
            connection.send(ByteBuffer(bytes: [0xff, 0xff, 0xff, 0xff]))
        }
        try await withClient(of: delegate) { client, address in
            await #expect {
                try await client.call(request(), to: address, timeout: patience)
            } throws: { error in
                guard case .badFrame(address, _) = error as? RemotingError else { return false }
                return true
            }
        }
    }

    @Test("a cancelled task waits no longer")
    func cancellation() async throws {
        let delegate = TestServer.silent()
        try await withClient(of: delegate) { client, address in
            let waiting = Task { [patience] in
                try await client.call(request(), to: address, timeout: patience)
            }
            #expect(await delegate.nextBurst() == 1)
            waiting.cancel()
            await #expect(throws: RemotingError.cancelled(address: address, requestWasSent: true)) {
                try await waiting.value
            }
        }
    }

    @Test("more calls in flight than allowed fail at once; an ended one makes room")
    func inFlightLimit() async throws {
        var options = RemotingClientOptions()
        options.inFlightMax = 1
        let delegate = TestServer { commands, connection in
            for command in commands where command.string("name") == "echo" {
                connection.send(command.echoed)
            }
        }
        try await withClient(of: delegate, options: options) { client, address in
            let waiting = Task { [patience] in
                try await client.call(request(), to: address, timeout: patience)
            }
            #expect(await delegate.nextBurst() == 1)
            await #expect(throws: RemotingError.tooManyInFlight(limit: 1)) {
                try await client.call(request("echo"), to: address, timeout: patience)
            }
            waiting.cancel()
            _ = await waiting.result
            _ = try await client.call(request("echo"), to: address, timeout: patience)
        }
    }

    @Test("a request that no peer would accept is not sent")
    func tooLarge() async throws {
        try await withClient(of: .echo()) { client, address in
            let body = [UInt8](repeating: 0, count: 16 << 20)
            await #expect {
                try await client.call(request(body: body), to: address, timeout: patience)
            } throws: { error in
                guard case .requestTooLarge = error as? RemotingError else { return false }
                return true
            }
            _ = try await client.call(request(), to: address, timeout: patience)
        }
    }

    @Test("a client that is shut down fails what waits and what comes")
    func shutdown() async throws {
        let delegate = TestServer.silent()
        try await withClient(of: delegate) { client, address in
            let waiting = Task { [patience] in
                try await client.call(request(), to: address, timeout: patience)
            }
            #expect(await delegate.nextBurst() == 1)
            await client.shutdown()
            let error = RemotingError.connectionClosed(address: address, requestWasSent: true)
            await #expect(throws: error) { try await waiting.value }
            await #expect(throws: RemotingError.shutDown) {
                try await client.call(request(), to: address, timeout: patience)
            }
        }
    }
}
