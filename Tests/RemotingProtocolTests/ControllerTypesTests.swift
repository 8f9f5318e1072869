import MessageFormat
import RemotingProtocol
import Testing

private let bothForms: [SerializationType] = [.json, .binary]

private func sent(
    _ command: RemotingCommand, as form: SerializationType
) throws -> ReceivedCommand {
    try ReceivedCommand(receiving: command, as: form)
}

private func answer(_ fields: [HeaderField], body: [UInt8] = []) -> RemotingCommand {
    RemotingCommand(code: 0, flag: CommandFlag.response, fields: fields, body: body)
}

private let view = GroupView(
    masterBrokerID: 2, masterAddress: "10.0.0.2:10911", masterReplicationAddress: "10.0.0.2:10912",
    masterEpoch: Epoch(7), masterIncarnation: .max, syncStateSet: [1, 2], syncStateSetEpoch: 3)

private let heartbeat = BrokerHeartbeat(
    clusterName: "C", brokerName: "broker-a", brokerID: 1, brokerAddress: "10.0.0.1:10911",
    replicationAddress: "10.0.0.1:10912", incarnation: 18_446_744_073_709_551_615,
    masterEpoch: Epoch(7), lastEpoch: Epoch(6), maxOffset: PhysicalOffset(1 << 40),
    confirmOffset: PhysicalOffset(5), timeoutMilliseconds: 1_200, electionPriority: 10,
    role: .replica)

@Suite("requests and answers of controllers")
struct ControllerTypesTests {
    @Test("every request survives the wire in both header forms", arguments: bothForms)
    func requests(form: SerializationType) throws {
        #expect(try BrokerHeartbeat(sent(heartbeat.command, as: form)) == heartbeat)
        var remembering = heartbeat
        remembering.remembered = RememberedSyncStateSet(
            masterEpoch: Epoch(7), syncStateSetEpoch: 3, members: [1, 3])
        remembering.minInSyncReplicas = 2
        remembering.registerCheckCode = "10.0.0.1:10911;17"
        #expect(try BrokerHeartbeat(sent(remembering.command, as: form)) == remembering)
        let next = NextBrokerIDRequest(clusterName: "C", brokerName: "broker-a")
        #expect(try NextBrokerIDRequest(sent(next.command, as: form)) == next)
        let apply = ApplyBrokerID(
            clusterName: "C", brokerName: "broker-a", appliedBrokerID: 3,
            registerCheckCode: "10.0.0.1:10911;17")
        #expect(try ApplyBrokerID(sent(apply.command, as: form)) == apply)
        var returning = apply
        returning.isReturning = true
        #expect(try ApplyBrokerID(sent(returning.command, as: form)) == returning)
        let register = RegisterBrokerToController(
            clusterName: "C", brokerName: "broker-a", brokerID: 3, brokerAddress: "h:1",
            replicationAddress: "h:2", incarnation: 9, registerCheckCode: "c;1")
        #expect(try RegisterBrokerToController(sent(register.command, as: form)) == register)
        let alter = AlterSyncStateSet(
            brokerName: "broker-a", masterBrokerID: 1, masterEpoch: Epoch(2), syncStateSet: [1, 3],
            syncStateSetEpoch: 4)
        #expect(try AlterSyncStateSet(sent(alter.command, as: form)) == alter)
        let elect = ElectMaster(
            clusterName: "C", brokerName: "broker-a", brokerID: nil, designateElect: true,
            handover: true, force: true)
        #expect(try ElectMaster(sent(elect.command, as: form)) == elect)
        let info = GetReplicaInfo(brokerName: "broker-a")
        #expect(try GetReplicaInfo(sent(info.command, as: form)) == info)
        let clean = CleanBrokerData(
            clusterName: "C", brokerName: "broker-a", brokerIDs: [1, 2], isCleanLivingBroker: true)
        #expect(try CleanBrokerData(sent(clean.command, as: form)) == clean)
        let data = SyncStateDataRequest(brokerNames: ["broker-a", "broker-b"])
        #expect(try SyncStateDataRequest(bodyOf: sent(data.command, as: form)) == data)
    }

    @Test(
        "nonsense is no remembered SyncStateSet",
        arguments: [
            "", "1#2", "1#2#", "0#1#2", "-1#1#2", "1#-1#2", "1#1#2,", "1#1#a", "1#1#0", "1#1#1#1",
        ])
    func badMemory(text: String) {
        #expect(RememberedSyncStateSet(text: text) == nil)
    }

    @Test("every answer survives the wire in both header forms", arguments: bothForms)
    func answers(form: SerializationType) throws {
        let plain = try sent(answer(view.fields, body: view.body), as: form)
        #expect(try GroupView(answer: plain) == view)
        let beat = BrokerHeartbeatAnswer(
            view: view, isLeader: true, controllerLeaderAddress: "h:9878")
        let beatSent = try sent(answer(beat.fields, body: beat.body), as: form)
        #expect(try BrokerHeartbeatAnswer(beatSent) == beat)
        let next = NextBrokerIDAnswer(clusterName: "C", brokerName: "b", nextBrokerID: 4)
        #expect(try NextBrokerIDAnswer(sent(answer(next.fields), as: form)) == next)
        let metadata = ControllerMetadata(
            group: "controllers", leaderID: "n1", leaderAddress: "[::1]:9888", isLeader: false,
            peers: [
                ControllerPeer(id: "n0", address: "127.0.0.1:9878"),
                ControllerPeer(id: "n1", address: "[::1]:9888"),
            ])
        #expect(try ControllerMetadata(sent(answer(metadata.fields), as: form)) == metadata)
        let told = try sent(RoleChangedNotification(view: view).command, as: form)
        #expect(told.isOneWay)
        #expect(try RoleChangedNotification(told).view == view)
    }

    @Test("a view without a master says so by leaving the id out, or by an empty one")
    func viewWithoutMaster() throws {
        var orphaned = view
        orphaned.masterBrokerID = nil
        let absent = answer(orphaned.fields, body: orphaned.body)
        #expect(absent["masterBrokerId"] == nil)
        #expect(try GroupView(answer: sent(absent, as: .json)) == orphaned)
        var empty = absent
        empty["masterBrokerId"] = ""
        #expect(try GroupView(answer: sent(empty, as: .binary)) == orphaned)
    }

    @Test("views are ordered by their epochs, the master's first")
    func order() {
        var other = view
        #expect(!view.isNewer(than: other))
        other.syncStateSetEpoch += 1
        #expect(other.isNewer(than: view))
        other.masterEpoch = Epoch(6)
        #expect(view.isNewer(than: other))
    }

    @Test("the bodies are those of RocketMQ, with more members behind")
    func bodies() throws {
        #expect(
            String(decoding: view.body, as: UTF8.self)
                == #"{"syncStateSet":[1,2],"syncStateSetEpoch":3}"#)
        let elected = ElectMasterBody(
            members: BrokerMemberGroup(cluster: "C", brokerName: "b", addresses: [1: "h:1"]),
            syncStateSet: [1], syncStateSetEpoch: 2)
        #expect(
            String(decoding: elected.encoded, as: UTF8.self)
                == #"{"brokerMemberGroup":{"brokerAddrs":{"1":"h:1"},"brokerName":"b","cluster":"C"},"syncStateSet":[1],"syncStateSetEpoch":2}"#
        )
        #expect(try ElectMasterBody(parsing: elected.encoded) == elected)
        let text =
            #"{"replicasInfoTable":{"broker-a":{"inSyncReplicas":[{"alive":true,"brokerAddress":"10.0.0.1:10911","brokerId":1,"brokerName":"broker-a"}],"masterAddress":"10.0.0.1:10911","masterBrokerId":1,"masterEpoch":2,"notInSyncReplicas":[],"syncStateSetEpoch":3}}}"#
        let data = try SyncStateData(parsing: Array(text.utf8))
        #expect(String(decoding: data.encoded, as: UTF8.self) == text)
        #expect(data.groups["broker-a"]?.inSync.first?.report == nil)
    }

    @Test("what controllers have forgotten of a group travels with its state")
    func forgottenGroups() throws {
        let conflict = EpochConflict(
            brokerID: 3, brokerAddress: "h:1", epoch: Epoch(9), groupEpoch: Epoch(2),
            masterHasMore: false)
        let forgotten = ForgottenGroup(
            waitingFor: [1], members: [1, 2], replaced: [1], unvouched: [4], lost: [2],
            masterEpoch: Epoch(9), syncStateSetEpoch: 3)
        let group = GroupReplicas(
            masterBrokerID: nil, masterAddress: "", masterEpoch: Epoch(2), syncStateSetEpoch: 1,
            inSync: [], notInSync: [], recollecting: forgotten, conflicts: [conflict])
        #expect(try GroupReplicas(parsing: group.encoded) == group)
    }

    @Test("what a replica reported travels with its state")
    func reports() throws {
        for isDrained in [nil, false, true] {
            let state = ReplicaState(
                brokerName: "b", brokerID: 1, brokerAddress: "h:1", isAlive: false,
                report: .init(
                    role: "master", lastEpoch: Epoch(3), maxOffset: PhysicalOffset(10),
                    confirmOffset: PhysicalOffset(9), ageMilliseconds: 70, isDrained: isDrained))
            #expect(try ReplicaState(parsing: state.encoded) == state)
        }
    }

    @Test("a change of the controllers' group is one property")
    func changes() throws {
        let changes: [ControllerChange] = [
            .transferLeader(to: "n1"), .remove(id: "n2"),
            .add(ControllerPeer(id: "n3", address: "host-with-dash:9908")),
        ]
        for change in changes {
            let properties = PropertiesText(parsing: change.command.body)
            #expect(ControllerChange(properties) == change)
        }
        for text in ["", "x=1", "transferLeaderTo=", "addController=n3", "removeController=a\nx=1"]
        {
            #expect(ControllerChange(PropertiesText(parsing: text)) == nil, "\(text)")
        }
    }
}

@Suite("hostile requests to controllers")
struct HostileControllerTypesTests {
    /// Fields that are absent or wrong, each alone in an otherwise good heartbeat.
    static let badHeartbeats: [(name: String, value: String?)] = [
        ("clusterName", nil), ("brokerName", ""), ("brokerId", nil), ("brokerId", "1x"),
        ("brokerId", "9223372036854775808"), ("brokerAddr", nil), ("incarnation", "-1"),
        ("incarnation", "18446744073709551616"), ("epoch", "-1"), ("epoch", "2147483648"),
        ("masterEpoch", "-5"), ("maxOffset", "-1"), ("confirmOffset", "-9223372036854775808"),
        ("electionPriority", "1e3"), ("role", "king"), ("heartbeatTimeoutMills", "soon"),
    ]

    @Test("a heartbeat with a field that lies about its type is refused", arguments: bothForms)
    func heartbeats(form: SerializationType) throws {
        for (name, value) in Self.badHeartbeats {
            var command = heartbeat.command
            command[name] = value
            let received = try sent(command, as: form)
            #expect(throws: HeaderFieldError.self, "\(name)=\(value ?? "nothing")") {
                try BrokerHeartbeat(received)
            }
        }
    }

    static let badSets = [
        "", "{", #"{"syncStateSet":3}"#, #"{"syncStateSet":["x"]}"#,
        #"{"syncStateSet":[-1]}"#, #"{"syncStateSet":[1.5]}"#,
        #"{"syncStateSet":[99999999999999999999]}"#,
        #"{"syncStateSet":[1],"syncStateSetEpoch":-1}"#,
        #"{"syncStateSet":[1],"syncStateSetEpoch":4294967296}"#,
        #"{"syncStateSet":[\#((0...1_024).map(String.init).joined(separator: ","))]}"#,
    ]

    @Test("a SyncStateSet that is none is refused", arguments: badSets)
    func sets(body: String) throws {
        var command = AlterSyncStateSet(
            brokerName: "b", masterBrokerID: 1, masterEpoch: Epoch(1), syncStateSet: [],
            syncStateSetEpoch: 1
        ).command
        command.body = Array(body.utf8)
        let received = try sent(command, as: .json)
        #expect(throws: HeaderFieldError.self) { try AlterSyncStateSet(received) }
        #expect(throws: HeaderFieldError.self) { try GroupView(answer: received) }
    }

    @Test("ids that repeat or come unsorted count once, in order")
    func repeatedIDs() throws {
        var command = answer(view.fields, body: Array(#"{"syncStateSet":[3,"1",3]}"#.utf8))
        command["syncStateSetEpoch"] = "9"
        let read = try GroupView(answer: sent(command, as: .json))
        #expect(read.syncStateSet == [1, 3])
        #expect(read.syncStateSetEpoch == 9)
    }

    @Test("lists that cannot be read are refused", arguments: ["x", "1;y", "1;-2", "1,2"])
    func lists(text: String) throws {
        var command = CleanBrokerData(clusterName: "C", brokerName: "b", brokerIDs: [1]).command
        command["brokerControllerIdsToClean"] = text
        let clean = try sent(command, as: .json)
        #expect(throws: HeaderFieldError.self) { try CleanBrokerData(clean) }
        let metadata = try sent(answer([HeaderField(name: "peers", value: text)]), as: .json)
        #expect(throws: HeaderFieldError.self) { try ControllerMetadata(metadata) }
    }
}
