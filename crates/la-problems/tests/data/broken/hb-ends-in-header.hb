t                                                                       KEY     
             3             1             1             1             0
RUA                        2             2             3             0
