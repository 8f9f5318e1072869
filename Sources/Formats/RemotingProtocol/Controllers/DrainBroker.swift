/// Code 60001, to the leader of the controllers: may this broker be drained? Refused for the last
/// one of its group that serves.
package struct DrainBroker: Hashable, Sendable {
    package var brokerName: String
    package var brokerID: Int64

    package init(brokerName: String, brokerID: Int64) {
        self.brokerName = brokerName
        self.brokerID = brokerID
    }

    package init(_ command: ReceivedCommand) throws(HeaderFieldError) {
        self.init(
            brokerName: try command.filledString("brokerName"),
            brokerID: try command.requiredInt64("brokerId"))
    }

    package var command: RemotingCommand {
        RemotingCommand(
            .drainBroker,
            [
                HeaderField("brokerId", self.brokerID), HeaderField("brokerName", self.brokerName),
            ])
    }
}
