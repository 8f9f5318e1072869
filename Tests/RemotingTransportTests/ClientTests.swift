import NIOCore
import RemotingProtocol
import RemotingTransport
import Synchronization
import TestSupport
import Testing

@Suite("What a client is answered", .realTime)
struct ClientTests {
    private let patience = Duration.seconds(20)

    @Test("a thousand calls at once share one connection and each gets its own answer")
    func pipelining() async throws {
        let delegate = TestServer.echo()
        try await withClient(of: delegate) { client, address in
            try await withThrowingTaskGroup { group in
                for index in 0..<1_000 {
                    group.addTask {
                        let answer = try await client.call(
                            request("\(index)"), to: address, timeout: self.patience)
                        #expect(answer.string("name") == "\(index)")
                    }
                }
                try await group.waitForAll()
            }
            #expect(delegate.connectionsEver == 1)
        }
    }

    @Test("answers in any order find their calls")
    func outOfOrder() async throws {
        let held = Mutex<[ReceivedCommand]>([])
        let delegate = TestServer { commands, connection in
            let all = held.withLock {
                $0 += commands
                return $0
            }
            guard all.count == 10 else { return }
            for command in all.reversed() { connection.send(command.echoed) }
        }
        try await withClient(of: delegate) { client, address in
            try await withThrowingTaskGroup { group in
                for index in 0..<10 {
                    group.addTask {
                        let answer = try await client.call(
                            request("\(index)"), to: address, timeout: self.patience)
                        #expect(answer.string("name") == "\(index)")
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test("a call that a completion makes goes on")
    func callsFromCompletions() async throws {
        try await withClient(of: .echo()) { client, address in
            await withCheckedContinuation { done in
                Chain(client: client, address: address).next(1_000) { done.resume() }
            }
        }
    }

    private struct Chain: Sendable {
        let client: RemotingClient
        let address: String

        func next(_ left: Int, _ done: @escaping @Sendable () -> Void) {
            guard left > 0 else { return done() }
            self.client.call(request(), to: self.address, timeout: .seconds(20)) { outcome in
                #expect((try? outcome.get()) != nil)
                self.next(left - 1, done)
            }
        }
    }

    @Test("a one-way request is sent, marked as such, and waits for nothing")
    func oneWay() async throws {
        let isOneWay = Mutex<[Bool]>([])
        let delegate = TestServer { commands, _ in
            isOneWay.withLock { $0 += commands.map(\.isOneWay) }
        }
        try await withClient(of: delegate) { client, address in
            let outcome = await withCheckedContinuation { done in
                client.sendOneWay(request(), to: address) { done.resume(returning: $0) }
            }
            #expect(throws: Never.self) { try outcome.get() }
            #expect(await delegate.nextBurst() == 1)
            #expect(isOneWay.withLock { $0 } == [true])
        }
    }

    @Test("what the server asks by itself is heard and can be answered")
    func serverAsks() async throws {
        let answers = Mutex<[Int32]>([])
        let delegate = TestServer { commands, connection in
            for command in commands {
                if command.isResponse {
                    answers.withLock { $0.append(command.opaque) }
                    connection.send(.response(.success, to: 1))
                } else {
                    var question = RemotingCommand.request(.getConsumerRunningInfo)
                    question.opaque = 77
                    connection.send(question)
                }
            }
        }
        let onRequest = { @Sendable (command: ReceivedCommand, connection: RemotingConnection) in
            connection.send(.response(.success, to: command.opaque))
        }
        try await withClient(of: delegate, onRequest: onRequest) { client, address in
            _ = try await client.call(request(), to: address, timeout: self.patience)
            #expect(answers.withLock { $0 } == [77])
        }
    }

    @Test("a host may be given by name")
    func hostName() async throws {
        try await withServer(.echo()) { server in
            let client = RemotingClient(group: loops, logger: quiet)
            let answer = try await client.call(
                request("x"), to: "localhost:\(server.port)", timeout: self.patience)
            #expect(answer.string("name") == "x")
            await client.shutdown()
        }
    }
}
