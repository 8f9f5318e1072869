import MessageFormat
import NameServerEngine
import RemotingProtocol
import RoutingCore
import Testing

/// An engine with a clock that tests move, and connections that are numbers.
struct World {
    var engine: NameServerEngine
    var seconds: Int64 = 0
    private(set) var events: [NameServerEvent] = []
    private(set) var closed: [UInt64] = []

    init(settings: NameServerSettings = NameServerSettings()) {
        self.engine = NameServerEngine(settings: settings)
    }

    var now: Now {
        Now(
            tick: Tick(.seconds(self.seconds)),
            wall: Timestamp(milliseconds: 1_700_000_000_000 + self.seconds * 1_000))
    }

    /// Sends a request and returns its answer; nil if there is none.
    @discardableResult
    mutating func send(
        _ code: RequestCode, _ fields: KeyValuePairs<String, String> = [:], body: String = "",
        from connection: UInt64 = 1, oneWay: Bool = false, as form: SerializationType = .json
    ) throws -> RemotingCommand? {
        var request = RemotingCommand.request(
            code, fields: fields, body: Array(body.utf8), oneWay: oneWay)
        request.opaque = 7
        return try self.send(request, from: connection, as: form)
    }

    mutating func send(
        _ request: RemotingCommand, from connection: UInt64 = 1, as form: SerializationType = .json
    ) throws -> RemotingCommand? {
        let received = try ReceivedCommand(receiving: request, as: form)
        let effects = self.engine.received(
            received, from: ConnectionID(value: connection), at: self.now)
        return self.take(effects, answeredOn: connection, as: form)
    }

    mutating func close(_ connection: UInt64) {
        _ = self.take(self.engine.closed(ConnectionID(value: connection)), answeredOn: 0, as: .json)
    }

    mutating func wait(until seconds: Int64) {
        while self.seconds < seconds {
            self.seconds += 1
            _ = self.take(self.engine.advance(to: self.now), answeredOn: 0, as: .json)
        }
    }

    private mutating func take(
        _ effects: [NameServerEffect], answeredOn connection: UInt64, as form: SerializationType
    ) -> RemotingCommand? {
        var answer: RemotingCommand?
        for effect in effects {
            switch effect {
            case .report(let event): self.events.append(event)
            case .close(let connection): self.closed.append(connection.value)
            case .reply(let to, let command, let serialization):
                #expect(to.value == connection)
                #expect(serialization == form)
                #expect(command.isResponse)
                #expect(answer == nil, "one request has one answer")
                answer = command
            }
        }
        #expect(self.engine.routes.checkInvariants() == [])
        return answer
    }
}

extension World {
    /// Registers a broker with topics `TopicTest` and `TBW102`, as a RocketMQ broker words it.
    @discardableResult
    mutating func register(
        _ name: String = "broker-a", id: Int = 0, at address: String = "10.0.0.1:10911",
        cluster: String = "DefaultCluster", body: String = Self.registration,
        from connection: UInt64 = 1
    ) throws -> RemotingCommand? {
        try self.send(
            .registerBroker,
            [
                "brokerName": name, "brokerAddr": address, "clusterName": cluster,
                "haServerAddr": "ha:\(address)", "brokerId": "\(id)", "compressed": "false",
            ], body: body, from: connection)
    }

    static let registration = #"""
        {"filterServerList":[],"topicConfigSerializeWrapper":{"dataVersion":{"counter":0,
        "stateVersion":0,"timestamp":1700000000000},"topicConfigTable":{
        "TopicTest":{"attributes":{},"order":false,"perm":6,"readQueueNums":4,
        "topicFilterType":"SINGLE_TAG","topicName":"TopicTest","topicSysFlag":0,
        "writeQueueNums":4},
        "TBW102":{"attributes":{},"order":false,"perm":7,"readQueueNums":8,
        "topicFilterType":"SINGLE_TAG","topicName":"TBW102","topicSysFlag":0,"writeQueueNums":8}},
        "topicQueueMappingDetailMap":{},"topicQueueMappingInfoMap":{}}}
        """#
}

extension RemotingCommand {
    var text: String { String(decoding: self.body, as: UTF8.self) }
    var response: ResponseCode { ResponseCode(rawValue: self.code) }
}
