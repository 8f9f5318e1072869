import NIOCore
import Testing

@testable import Simulation

/// Two machines with one connection between them.
private final class Pair {
    let world = World(seed: 7)
    let network: VirtualNetwork
    let client: Machine
    let server: Machine
    var clientEnd: ConnectionEnd?
    var serverEnd: ConnectionEnd?
    var failure: VirtualNetwork.ConnectFailure?
    var received: [String] = []
    var closedAtServer = false
    var closedAtClient = false

    init() {
        self.network = VirtualNetwork(world: self.world)
        self.client = Machine(name: "client", host: "10.0.0.1", world: self.world)
        self.server = Machine(name: "server", host: "10.0.0.2", world: self.world)
        self.client.start {}
        self.startServer()
    }

    func startServer() {
        self.server.start { [weak self] in
            guard let self else { return }
            self.network.processEnded(on: self.server)
            self.serverEnd = nil
        }
        self.network.listen("10.0.0.2:1", on: self.server) { [weak self] end in
            self?.serverEnd = end
            end.received = { self?.received.append(String(buffer: $0)) }
            end.closed = { self?.closedAtServer = true }
        }
    }

    func connect() {
        self.network.connect(from: self.client, to: "10.0.0.2:1") { [weak self] result in
            switch result {
            case .success(let end):
                self?.clientEnd = end
                end.closed = { self?.closedAtClient = true }
            case .failure(let failure): self?.failure = failure
            }
        }
        self.run(.seconds(2))
    }

    func send(_ text: String) { self.clientEnd?.send(ByteBuffer(string: text)) }

    func run(_ time: Duration) { self.world.run(until: self.world.time + time.wholeNanoseconds) }

    deinit { self.network.end() }
}

@Suite("A virtual network shows itself as TCP does")
struct NetworkTests {
    @Test("bytes come in order, once")
    func order() {
        let pair = Pair()
        pair.connect()
        for number in 0..<50 { pair.send("\(number)") }
        pair.run(.seconds(1))
        #expect(pair.received == (0..<50).map { "\($0)" })
    }

    @Test("what waits at a cut path goes on waiting when another path heals")
    func stallOutlastsAnother() {
        let pair = Pair()
        let other = Machine(name: "other", host: "10.0.0.3", world: pair.world)
        pair.connect()
        pair.network.cut(from: pair.client, to: pair.server)
        pair.network.cut(from: other, to: pair.server)
        pair.send("a")
        pair.network.mend(from: other, to: pair.server)
        pair.run(.milliseconds(201))
        #expect(pair.received == [])
        pair.network.mend(from: pair.client, to: pair.server)
        pair.run(.seconds(1))
        pair.send("b")
        pair.run(.seconds(1))
        #expect(pair.received == ["a", "b"])
    }

    @Test("a cut path is silence; what was said comes when it heals, if nobody gave up before")
    func stall() {
        let pair = Pair()
        pair.connect()
        pair.network.cut(from: pair.client, to: pair.server)
        pair.send("a")
        pair.run(.milliseconds(100))
        #expect(pair.received == [])
        #expect(!pair.closedAtServer)
        pair.network.mend(from: pair.client, to: pair.server)
        pair.run(.seconds(1))
        #expect(pair.received == ["a"])
    }

    @Test("a killed process closes its connections, and its port refuses")
    func kill() {
        let pair = Pair()
        pair.connect()
        pair.server.stop(losingPower: false)
        pair.run(.seconds(1))
        #expect(pair.closedAtClient)
        pair.connect()
        #expect(pair.failure == .refused)
    }

    @Test("a machine without power says nothing; when it is back it knows nothing of before")
    func powerCut() {
        let pair = Pair()
        pair.connect()
        pair.server.stop(losingPower: true)
        pair.run(.seconds(1))
        #expect(!pair.closedAtClient)
        pair.startServer()
        pair.send("late")
        pair.run(.seconds(1))
        #expect(pair.closedAtClient)
        #expect(pair.received == [])
    }

    @Test("a broken connection is known to one side only, until the other speaks")
    func halfOpen() {
        let pair = Pair()
        pair.connect()
        pair.clientEnd?.breakOff()
        pair.run(.seconds(1))
        #expect(pair.closedAtClient)
        #expect(!pair.closedAtServer)
        pair.serverEnd?.send(ByteBuffer(string: "anybody?"))
        pair.run(.seconds(1))
        #expect(pair.closedAtServer)
    }
}
