/// Where an epoch's first batch lies in the log. The list of them is a log's epoch history.
package struct EpochStart: Hashable, Sendable {
    package var epoch: Epoch
    package var start: PhysicalOffset

    package init(epoch: Epoch, start: PhysicalOffset) {
        self.epoch = epoch
        self.start = start
    }
}
