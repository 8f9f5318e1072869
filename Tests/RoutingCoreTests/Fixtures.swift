import MessageFormat
import RoutingCore
import Testing

func seconds(_ count: Int64) -> Tick { Tick(.seconds(count)) }

func version(_ counter: Int64, state: Int64 = 0) -> DataVersion {
    DataVersion(
        stateVersion: state, timestamp: Timestamp(milliseconds: 1_700_000_000_000),
        counter: counter)
}

/// A broker's registration with topics `A` and `B`, unless told otherwise.
func broker(
    _ name: String = "broker-a", id: Int64 = 0, at address: String = "10.0.0.1:10911",
    cluster: String = "C1", topics: [String] = ["A", "B"], queues: Int32 = 4,
    version: DataVersion = version(0), actingMaster: Bool? = nil, silence: Int64? = nil
) -> BrokerRegistration {
    var registration = BrokerRegistration(
        cluster: cluster, name: name, id: id, address: address,
        topics: topics.map { TopicConfig(name: $0, readQueues: queues, writeQueues: queues) },
        dataVersion: version)
    registration.replicationAddress = "ha-of-\(address)"
    registration.enableActingMaster = actingMaster
    registration.silenceMilliseconds = silence
    return registration
}

/// One line of a story about the table.
enum Step: Sendable {
    case register(BrokerRegistration, link: UInt64 = 1, at: Int64 = 0)
    case refused(BrokerRegistration, RegistrationError)
    case unregister(name: String = "broker-a", address: String)
    case heartbeat(name: String = "broker-a", address: String, at: Int64)
    case close(link: UInt64)
    case wait(until: Int64)
    case wipe(String)
    case add(String)
}

extension RouteTable {
    /// Takes one step; whatever it was, the table must be sound after it.
    mutating func take(_ step: Step) throws {
        switch step {
        case .register(let registration, let link, let at):
            _ = try self.register(registration, over: BrokerLink(link), at: seconds(at))
        case .refused(let registration, let error):
            #expect(throws: error) {
                try self.register(registration, over: BrokerLink(9), at: .zero)
            }
        case .unregister(let name, let address): _ = self.unregister(name: name, address: address)
        case .heartbeat(let name, let address, let at):
            self.heartbeat(name: name, address: address, at: seconds(at))
        case .close(let link): _ = self.closed(BrokerLink(link))
        case .wait(let until): _ = self.advance(to: seconds(until))
        case .wipe(let broker): _ = self.wipeWritePermission(of: broker)
        case .add(let broker): _ = self.addWritePermission(of: broker)
        }
        #expect(self.checkInvariants() == [])
    }

    /// `broker-a(0=10.0.0.1:10911) 4/4 rw; …`, or `none`.
    func summary(of topic: String, presentsActingMaster: Bool = false) -> String {
        let route = self.route(of: topic, presentsActingMaster: presentsActingMaster)
        guard let route else { return "none" }
        return zip(route.brokers, route.queues).map { broker, queues in
            let addresses = broker.addresses.sorted { $0.key < $1.key }
                .map { "\($0.key)=\($0.value)" }.joined(separator: " ")
            let permission = queues.share.permission
            return "\(broker.name)(\(addresses)) "
                + "\(queues.share.readQueues)/\(queues.share.writeQueues) "
                + (permission.contains(.read) ? "r" : "-")
                + (permission.contains(.write) ? "w" : "-")
        }.joined(separator: "; ")
    }
}

struct Story: CustomTestStringConvertible, Sendable {
    var testDescription: String
    var steps: [Step]
    var topic = "A"
    var route: String
    var presentsActingMaster = false

    init(
        _ title: String, _ steps: [Step], topic: String = "A", route: String,
        presentsActingMaster: Bool = false
    ) {
        self.testDescription = title
        self.steps = steps
        self.topic = topic
        self.route = route
        self.presentsActingMaster = presentsActingMaster
    }

    func run() throws {
        var table = RouteTable()
        for step in self.steps { try table.take(step) }
        let summary = table.summary(
            of: self.topic, presentsActingMaster: self.presentsActingMaster)
        #expect(summary == self.route)
    }
}
