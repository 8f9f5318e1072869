import ControllerCore
import ControllerEngine
import MessageFormat
import NIOCore
import RemotingProtocol
import Testing

/// Frames as RocketMQ's own tools write them, by hand: the typed requests of this package cannot
/// hide a mistake here.
@Suite("what mqadmin sends to controllers")
struct ToolFrameTests {
    private func frame(_ header: String, body: String = "") throws -> ReceivedCommand {
        var buffer = ByteBuffer()
        buffer.writeInteger(UInt32(header.utf8.count))
        buffer.writeString(header)
        buffer.writeString(body)
        return try ReceivedCommand(frame: buffer)
    }

    private func header(_ code: Int, _ fields: String) -> String {
        #"{"code":\#(code),"extFields":{\#(fields)},"flag":0,"language":"JAVA","opaque":7,"serializeTypeCurrentRPC":"JSON","version":479}"#
    }

    private func text(_ answer: ReceivedCommand?) -> String {
        answer.map { $0.withBodyBytes { String(decoding: $0, as: UTF8.self) } } ?? ""
    }

    @Test("getControllerMetaData")
    func metadata() throws {
        var world = try ControllerWorld(nodes: 1)
        let leader = try world.elect()
        let command =
            #"{"code":1005,"flag":0,"language":"JAVA","opaque":7,"serializeTypeCurrentRPC":"JSON","version":479}"#
        let answer = try #require(try world.ask(leader, self.frame(command)))
        #expect(answer.string("controllerLeaderId") == "n0")
        #expect(answer.string("controllerLeaderAddress") == "127.0.0.1:9808")
        #expect(answer.string("isLeader") == "true")
        #expect(answer.string("peers") == "n0:127.0.0.1:9808;")
        #expect(answer.string("group")?.isEmpty == false)
    }

    @Test("getSyncStateSet, electMaster and cleanBrokerMetadata")
    func mastership() throws {
        var world = try ControllerWorld(nodes: 1)
        var brokers = try world.group()
        let leader = try world.elect()
        let sets = try world.ask(
            leader, self.frame(self.header(1006, ""), body: #"["broker-a"]"#))
        #expect(
            self.text(sets).hasPrefix(
                #"{"replicasInfoTable":{"broker-a":{"inSyncReplicas":[{"alive":true,"brokerAddress":"10.0.0.1:10911","brokerId":1,"brokerName":"broker-a""#
            ))
        let elect = self.header(
            1002,
            #""brokerId":"2","brokerName":"broker-a","clusterName":"C","designateElect":"true","invokeTime":"1700000000000""#
        )
        let elected = try #require(try world.ask(leader, self.frame(elect)))
        #expect(elected.code == 0)
        #expect(elected.string("masterBrokerId") == "2")
        #expect(elected.string("masterAddress") == "10.0.0.2:10911")
        #expect(elected.string("masterEpoch") == "2")
        #expect(
            self.text(elected)
                == #"{"brokerMemberGroup":{"brokerAddrs":{"1":"10.0.0.1:10911","2":"10.0.0.2:10911","3":"10.0.0.3:10911"},"brokerName":"broker-a","cluster":"C"},"syncStateSet":[1,2,3],"syncStateSetEpoch":3}"#
        )
        try world.pass(.seconds(4), with: &brokers)
        world.close(brokers[2].connection)
        let clean = self.header(
            1011,
            #""brokerControllerIdsToClean":"3","brokerName":"broker-a","clusterName":"C","isCleanLivingBroker":"false","invokeTime":"1700000000000""#
        )
        #expect(try world.ask(leader, self.frame(clean))?.code == 0)
    }

    @Test("a broker of RocketMQ gets an id and registers, with the fields that it knows")
    func javaBroker() throws {
        var world = try ControllerWorld(nodes: 1)
        let leader = try world.elect()
        let name = #""brokerName":"b","clusterName":"C""#
        let next = try world.ask(leader, self.frame(self.header(1012, name)))
        #expect(next?.string("nextBrokerId") == "1")
        let apply = name + #","appliedBrokerId":"1","registerCheckCode":"10.0.0.1:10911;17""#
        #expect(try world.ask(leader, self.frame(self.header(1013, apply)))?.code == 0)
        let register =
            name + #","brokerAddress":"10.0.0.1:10911","brokerId":"1","invokeTime":"17""#
        let registered = try world.ask(leader, self.frame(self.header(1003, register)))
        #expect(registered?.code == 0)
        #expect(registered?.string("masterEpoch") == "0")
        #expect(registered?.string("masterBrokerId") == nil)
        let heartbeat =
            name
            + #","brokerAddr":"10.0.0.1:10911","brokerId":"1","confirmOffset":"0","electionPriority":"2147483647","epoch":"0","heartbeatTimeoutMills":"10000","maxOffset":"0""#
        #expect(try world.ask(leader, self.frame(self.header(904, heartbeat)))?.code == 0)
        world.pass(.milliseconds(400))
        let info = try world.ask(leader, self.frame(self.header(1004, #""brokerName":"b""#)))
        #expect(info?.string("masterBrokerId") == "1")
        #expect(self.text(info) == #"{"syncStateSet":[1],"syncStateSetEpoch":1}"#)
    }

    @Test("getControllerConfig and updateControllerConfig")
    func configuration() throws {
        var world = try ControllerWorld(nodes: 1)
        let leader = try world.elect()
        let config = try world.ask(leader, self.frame(self.header(1010, "")))
        #expect(self.text(config).contains("controllerSelfId=n0\n"))
        let update = try world.ask(
            leader, self.frame(self.header(1009, ""), body: "enableElectUncleanMaster=true"))
        #expect(update?.code == 2005)
        #expect(update?.remark?.contains("transferLeaderTo") == true)
    }
}
