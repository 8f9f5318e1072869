import RemotingProtocol

// What operators ask and change. One function per request code.
extension BrokerEngine {
    mutating func administer(_ command: ReceivedCommand, from caller: Caller) throws {
        throw Refusal(
            .requestCodeNotSupported, " request type \(command.code) not supported")
    }
}
