import MessageFormat
import RemotingProtocol

/// A request with what its handler needs to know besides.
struct Request {
    var command: ReceivedCommand
    var connection: ConnectionID
    var now: Now
}

/// What a request is answered with, and what there is to report of it.
struct Answer {
    /// What fits into a frame beside a header.
    static let bodyBytesMax = 16 << 20 - 64 << 10

    var code = ResponseCode.success
    var remark: String?
    var fields: [HeaderField] = []
    var body: [UInt8] = []
    var event: NameServerEvent?

    init(fields: [HeaderField] = [], body: [UInt8] = [], event: NameServerEvent? = nil) {
        self.fields = fields
        self.body = body
        self.event = event
    }

    init(_ failure: RequestFailure) {
        self.code = failure.code
        self.remark = failure.remark
    }

    func reply(to opaque: Int32) -> RemotingCommand {
        RemotingCommand(
            code: self.code.rawValue, opaque: opaque, flag: CommandFlag.response,
            remark: self.remark, fields: self.fields, body: self.body)
    }
}

extension HeaderField {
    init(_ name: String, _ value: String) { self.init(name: name, value: value) }
}
