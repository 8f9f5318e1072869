import ControllerCore
import MessageFormat
import Raft
import RemotingProtocol

/// Where an answer goes.
struct Request: Sendable {
    let code: RequestCode
    let connection: ConnectionID
    let opaque: Int32
    let serialization: SerializationType
    let isOneWay: Bool
    let deadline: Tick

    init(_ command: ReceivedCommand, from connection: ConnectionID, deadline: Tick) {
        self.code = command.requestCode
        self.connection = connection
        self.opaque = command.opaque
        self.serialization = command.serialization
        self.isOneWay = command.isOneWay
        self.deadline = deadline
    }
}

/// What a request is answered with.
struct Answer {
    var code = ResponseCode.success
    var remark: String?
    var fields: [HeaderField] = []
    var body: [UInt8] = []

    init(fields: [HeaderField] = [], body: [UInt8] = []) {
        self.fields = fields
        self.body = body
    }

    init(_ code: ResponseCode, _ remark: String, fields: [HeaderField] = [], body: [UInt8] = []) {
        self.code = code
        self.remark = remark
        self.fields = fields
        self.body = body
    }

    init(_ view: GroupView) { self.init(fields: view.fields, body: view.body) }

    func command(to opaque: Int32) -> RemotingCommand {
        var command = RemotingCommand.response(self.code, to: opaque, remark: self.remark)
        command.fields = self.fields
        command.body = self.body
        return command
    }
}

/// How many refusals are told to the log.
struct RefusalLog: Sendable {
    private static let perSecondMax = 10

    private var second: Int64 = 0
    private var count = 0

    mutating func mayReport(at now: Tick) -> Bool {
        let second = now.nanoseconds / 1_000_000_000
        if second != self.second { self.count = 0 }
        self.second = second
        self.count += 1
        return self.count <= Self.perSecondMax
    }
}

/// Why a request is not carried out.
enum RequestFailure: Error {
    case notSupported(code: Int32)
    case badField(HeaderFieldError)
    case badBody(String)
    case missingBrokerID
    case refused(ControllerRefusal)
    /// The group or broker that a heartbeat names is not known here.
    case notRegistered(String)
    case futureEpoch(Epoch, newest: Epoch)
    /// The broker knows of an election that these controllers do not know.
    case knowsMore(Epoch, newest: Epoch)
    /// Another one than that over which the master is heard.
    case strangeConnection(Int64)
    case invalid(String)
    case notLeader
    case busy(String)

    /// Whether operators may want to know: not what happens whenever a leader changes or a broker
    /// starts.
    var isNoteworthy: Bool {
        switch self {
        case .notLeader, .notRegistered, .knowsMore: false
        case .strangeConnection, .notSupported, .badField, .badBody, .missingBrokerID, .refused,
            .futureEpoch,
            .invalid, .busy:
            true
        }
    }

    /// The only place where a failure gets its code.
    var code: ResponseCode {
        switch self {
        case .notSupported: .requestCodeNotSupported
        case .badField, .badBody: .systemError
        case .missingBrokerID, .invalid: .controllerInvalidRequest
        case .refused(let refusal): refusal.code
        case .notRegistered: .controllerBrokerNeedToBeRegistered
        case .futureEpoch, .knowsMore: .controllerFencedMasterEpoch
        case .strangeConnection: .controllerInvalidMaster
        case .notLeader: .controllerNotLeader
        case .busy: .systemBusy
        }
    }

    var remark: String {
        switch self {
        case .notSupported(let code): " request type \(code) not supported"
        case .badField(let error): error.description
        case .badBody(let problem), .notRegistered(let problem), .invalid(let problem),
            .busy(let problem):
            problem
        case .missingBrokerID: "the header field brokerId is missing"
        case .refused(let refusal): refusal.description
        case .futureEpoch(let epoch, let newest):
            "the epoch \(epoch.value) was never given out, the newest is \(newest.value)"
        case .knowsMore(let epoch, let newest):
            "this broker knows of an election or a SyncStateSet of epoch \(epoch.value) that these "
                + "controllers, in epoch \(newest.value), never held: they have lost their memory, "
                + "or it belongs to another cluster; keep its data, `apus cluster health` says what "
                + "to do"
        case .strangeConnection(let id):
            "only broker \(id) changes the SyncStateSet, over the connection of its heartbeats"
        case .notLeader: "this controller does not lead"
        }
    }
}

extension ControllerRefusal {
    /// Codes of RocketMQ's controllers; `unknownGroup` has another one in each request, which the
    /// requests see to.
    var code: ResponseCode {
        switch self {
        case .unknownGroup, .unknownBroker, .otherCluster, .otherCheckCode:
            .controllerBrokerNeedToBeRegistered
        case .badName, .badAddress, .badController: .controllerInvalidRequest
        case .tooManyGroups, .tooManyBrokers, .idNotAvailable, .badCheckCode, .idGivenAway,
            .idInUse:
            .controllerBrokerIDInvalid
        case .notMaster: .controllerInvalidMaster
        case .staleMasterEpoch: .controllerFencedMasterEpoch
        case .staleSyncStateSetEpoch: .controllerFencedSyncStateSetEpoch
        case .masterMissing: .controllerAlterSyncStateSetFailed
        case .notRegistered: .controllerInvalidReplicas
        case .notAlive: .controllerBrokerNotAlive
        case .setTooSmall: .controllerInvalidReplicas
        case .notFounder: .controllerInvalidMaster
        case .masterStillExists: .controllerMasterStillExist
        case .nobodyElectable, .epochsExhausted: .controllerElectMasterFailed
        case .cleanRefused: .controllerInvalidCleanBrokerMetadata
        }
    }
}
