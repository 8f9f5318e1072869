package import MessageFormat
package import RemotingProtocol

/// Who sent a request, and what an answer to it needs.
package struct Caller: Sendable {
    package var connection: ConnectionID
    package var remote: HostAddress
    package var opaque: Int32
    package var serialization: SerializationType
    package var isOneWay: Bool
    package var language: LanguageCode
    package var version: Int32

    package init(_ command: ReceivedCommand, from connection: ConnectionID, remote: HostAddress) {
        self.connection = connection
        self.remote = remote
        self.opaque = command.opaque
        self.serialization = command.serialization
        self.isOneWay = command.isOneWay
        self.language = command.language
        self.version = command.version
    }
}

/// Why a request is refused: what the caller reads.
///
/// The one place where the engine's refusals get their response codes.
package struct Refusal: Error, Hashable {
    package var code: ResponseCode
    package var remark: String

    package init(_ code: ResponseCode, _ remark: String) {
        self.code = code
        self.remark = remark
    }
}
