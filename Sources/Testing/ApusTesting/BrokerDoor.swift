import BrokerEngine
import MessageFormat
import NIOCore
import RemotingProtocol
import RemotingTransport

/// Brings what happens on clients' connections to the broker's hands. Their loop is its loop.
final class BrokerDoor: RemotingServerDelegate, Sendable {
    private let box: NIOLoopBoundBox<BrokerHands?>
    private let nameServerBox: NIOLoopBoundBox<NameServerHands?>

    init(loop: any EventLoop) {
        self.box = .makeEmptyBox(valueType: BrokerHands.self, eventLoop: loop)
        self.nameServerBox = .makeEmptyBox(valueType: NameServerHands.self, eventLoop: loop)
    }

    /// On the loop only, as everything of it.
    var hands: BrokerHands? { self.box.value }

    var nameServer: NameServerHands? { self.nameServerBox.value }

    /// From here on there is somebody behind the ports.
    func open(_ settings: BrokerSettings, _ names: BrokerNames) throws {
        let nameServer = NameServerHands()
        let hands = try BrokerHands(settings, names: names, nameServer: nameServer)
        self.nameServerBox.value = nameServer
        self.box.value = hands
        hands.comeUp()
    }

    func opened(_ connection: RemotingConnection) { self.hands?.opened(connection) }

    func received(_ commands: [ReceivedCommand], from connection: RemotingConnection) {
        self.hands?.received(commands, from: connection)
    }

    func closed(_ connection: RemotingConnection) { self.hands?.closed(connection) }
}

/// The same for the name server's port.
struct NameServerDoor: RemotingServerDelegate {
    let door: BrokerDoor

    func opened(_ connection: RemotingConnection) { self.door.nameServer?.opened(connection) }

    func received(_ commands: [ReceivedCommand], from connection: RemotingConnection) {
        guard let now = self.door.hands?.clock.now else { return }
        self.door.nameServer?.received(commands, from: connection, at: now)
    }

    func closed(_ connection: RemotingConnection) { self.door.nameServer?.closed(connection) }
}
