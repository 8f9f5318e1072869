import HostileBytes
import HostileInput
import MessageFormat
import RemotingProtocol
import Testing

/// Names of topics and groups never become parts of paths, but what is kept of them is read by every
/// later start, by replicas, and by clients that split texts at blanks and separators.
@Suite("Names that try to leave the store")
struct HostileNameTests {
    private static let names = [
        "/", "..", "../../etc/passwd", "T/../../x", "C:\\x", "T\u{0}", "\u{0}", "T\n", " ",
        "T\u{1}",
        String(repeating: "x", count: 64 << 10), String(repeating: "../", count: 22_000),
    ]
    /// For what costs more.
    private static let fewNames = ["../../etc/passwd", "T\u{0}"]
    private static let fields = [
        "b", "topic", "group", "consumerGroup", "producerGroup", "groupName", "srcGroup",
        "destGroup",
    ]

    @Test("at every request of a broker that carries a name", arguments: fewNames)
    func broker(name: String) {
        var broker = BrokerUnderTest()
        for template in RequestTemplates.broker {
            for request in Self.requests(from: template, with: name) { broker.receive(request) }
        }
        #expect(broker.badNames == [])
        #expect(broker.canRestart)
    }

    @Test("a topic of such a name is refused, not made", arguments: names)
    func refused(name: String) {
        for template in RequestTemplates.broker
        where template.code == RequestCode.updateAndCreateTopic.rawValue
            || template.code == RequestCode.sendMessageV2.rawValue
        {
            var broker = BrokerUnderTest()
            var request = template
            request[request["b"] == nil ? "topic" : "b"] = name
            broker.receive(request)
            #expect(broker.lastAnswer != nil && broker.lastAnswer != .success)
        }
    }

    @Test("at every request of a controller that carries a name", arguments: fewNames)
    func controller(name: String) {
        var controller = ControllerUnderTest()
        for template in RequestTemplates.controller {
            for request in Self.requests(from: template, with: name, ["clusterName", "brokerName"])
            {
                controller.receive(request)
            }
        }
        #expect(controller.groups.allSatisfy { ResourceName.problem(withGroup: $0) == nil })
        #expect(controller.canRestart)
    }

    /// The request with the name in one field after the other, and in its body.
    private static func requests(
        from template: RemotingCommand, with name: String, _ fields: [String] = Self.fields
    ) -> [RemotingCommand] {
        var requests: [RemotingCommand] = []
        for field in fields where template[field] != nil {
            var request = template
            request[field] = name
            requests.append(request)
        }
        guard template.body.first == UInt8(ascii: "{") else { return requests }
        let quoted = String(decoding: JSONValue.string(name).encoded, as: UTF8.self)
        for honest in ["\"CG\"", "\"T\"", "\"PG\"", "\"c1\""] {
            var request = template
            let body = String(decoding: template.body, as: UTF8.self)
            request.body = Array(body.replacing(honest, with: quoted).utf8)
            requests.append(request)
        }
        return requests
    }
}
